"""The stages of maps of words and of trials of maps, of a synthetic run."""

from pathlib import Path

import numpy as np

from store.disk.runs import read_run, update_run
from store.parts import list_parts, read_table, word_maps
from store.parts.write import mark_complete, stage_folder, write_part
from store.schema import BASELINE
from store.text import content_words

KINDS = ("attention", "contribution", "word")
GAINS = {"deletion": 0.2, "insertion": 0.15, "mass": 0.2, "rank": 0.2, "pointing": 0.2}
AT = [1, 3]


def write_maps(run: Path, seed: int = 0, gains: dict[str, float] = GAINS) -> None:
    """Two words of every last caption, the second its last; trials of three kinds of maps."""
    info = read_run(run)
    capture = next(run.glob("parts/capture-*"))
    labels = {"word_maps": {}, "faithfulness": {}}
    for label in labels:
        stage = stage_folder(run, label, {"synthetic": seed})
        for part in list_parts(capture):
            said = {
                row["image_id"]: content_words(row["text"])[-1].text
                for row in read_table([part], "caption").to_pylist()
                if row["layer"] == info["n_layers"]
            }
            ids = list(said)
            with write_part(stage, part.name, {"images": ids}) as made:
                if label == "word_maps":
                    _words(made, said, info)
                else:
                    rng = np.random.default_rng(seed + len(ids))
                    made.table(
                        "map_score", [r for i in ids for r in _scores(i, said[i], rng, gains)]
                    )
        mark_complete(stage, [part.name for part in list_parts(capture)])
        labels[label] = stage.name
    update_run(run, stages={"capture": capture.name, **labels})


def _words(part, said, info):
    ids = list(said)
    n_tokens = info["grid_h"] * info["grid_w"] + bool(info["class_token"])
    layer, rng = info["n_layers"], np.random.default_rng(0)
    shape = (n_tokens, info["n_layers"], info["n_heads"])

    def rows():
        for image_id in ids:
            for word in (0, 1):
                maps = rng.uniform(-1, 1, (len(AT), n_tokens))
                deletion = rng.uniform(-1, 1, n_tokens) * (word == 0)
                heads = rng.uniform(-1, 1, shape[1:])
                yield image_id, word_maps.WordRow(layer, word, maps, heads, deletion)

    word_maps.write(part.path / word_maps.FILE_NAME, AT, shape, rows())
    place = [{"image_id": i, "layer": layer, "word": w} for i in ids for w in (0, 1)]
    part.table(
        "word",
        [
            {
                **at,
                "text": ("<first>", said[at["image_id"]])[at["word"]],
                "begins": 0,
                "ends": 1,
                "logprob": -0.5,
                "head_scale": 0.3,
                "deletion_scale": 0.2 if at["word"] == 0 else None,
            }
            for at in place
        ],
    )
    part.table(
        "word_map",
        [
            {**at, "state": state, "scale": 0.1, "rank": 0.25 if at["word"] == 0 else None}
            for at in place
            for state in AT
        ],
    )
    part.table(
        "image_stat",
        [
            {
                "condition_id": BASELINE,
                "image_id": image_id,
                "metric": "word_map_points",
                "value": k % 2,
            }
            for k, image_id in enumerate(ids)
        ],
    )


def _scores(image_id, word, rng, gains):
    for kind in KINDS:
        for layer in AT:
            for measure, gain in gains.items():
                filled = measure in ("deletion", "insertion")
                if filled and kind == "word":
                    continue
                sign = -1 if measure == "deletion" else 1
                yield {
                    "image_id": image_id,
                    "layer": layer,
                    "map": kind,
                    "measure": measure,
                    "fill": "blur" if filled else "",
                    "word": "" if filled else word,
                    "blocks": 0,
                    "value": 0.4 + sign * (gain + 0.03 * rng.normal()),
                    "floor": 0.4,
                }
