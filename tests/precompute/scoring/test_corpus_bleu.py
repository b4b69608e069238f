"""The stage of corpus BLEU-4: values by condition and layer, intervals, what is left out."""

import numpy as np
import pandas as pd
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from scipy import stats

from precompute.config.settings import Config, DatasetConfig, DecodeConfig, ModelConfig
from precompute.metrics import ptb
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from precompute.scoring.corpus_bleu import CURVE, score_corpus
from store import open_run
from store.disk.runs import read_run, update_run
from store.parts.write import mark_complete, stage_folder, write_part
from store.publish.generation import publish
from store.publish.summaries import bootstrap_weights
from tests.synthetic import begin_run

WORDS = ("a", "big", "dog", "sits", "on", "the", "red", "mat", "in", "snow")


def configured(*metrics):
    return Config(
        model=ModelConfig(path="nowhere"),
        decode=DecodeConfig(prompt="a"),
        datasets=(DatasetConfig(name="tiny", kind="whoops", path="nowhere"),),
        score={"metrics": metrics},
    )


def go(run, config):
    with Watch() as watch:
        score_corpus(run, config, Maker(watch))
    publish(run)


@pytest.fixture
def captions():
    """Eleven images: references of all but one, captions of two layers, one of them empty."""
    rng = np.random.default_rng(3)

    def some():
        return " ".join(rng.choice(WORDS, size=rng.integers(4, 9)))

    refs = {f"i{k}": [some() for _ in range(3)] for k in range(11)}
    refs["i4"] = []
    captions = {
        (image, layer): f"{mine[0] if mine else 'x'} {some()}" if layer else some()
        for image, mine in refs.items()
        for layer in (0, 1)
    }
    captions["i7", 0] = ""
    return refs, captions


@pytest.fixture
def run(tmp_path, captions):
    """The images in parts of three, in no order of their names."""
    refs, captions = captions
    run = begin_run(tmp_path, "c", 1, 1, (1, 1), 0)
    stage = stage_folder(run, "capture", {})
    images = sorted(refs, reverse=True)
    names = [f"p{start:02d}" for start in range(0, len(images), 3)]
    for name in names:
        some = images[int(name[1:]) : int(name[1:]) + 3]
        with write_part(stage, name) as part:
            part.table("image", [{"image_id": image, "refs": refs[image]} for image in some])
            part.table(
                "caption",
                [
                    {"condition_id": "baseline", "image_id": image, "layer": layer, "text": text}
                    for (image, layer), text in captions.items()
                    if image in some
                ],
            )
    mark_complete(stage, names)
    update_run(run, stages={"capture": stage.name})
    return run


def package(texts, references):
    tokens = [
        {k: ptb.tokenise(mine) for k, mine in enumerate(values)}
        for values in (references, [[text] for text in texts])
    ]
    return Bleu(4).compute_score(*tokens, verbose=0)[0][3]


def test_each_layer_and_its_interval_are_the_packages(run, captions):
    refs, captions = captions
    go(run, configured("coco_bleu4"))
    with open_run(run) as opened:
        rows = opened.table("curve", f"metric = '{CURVE}'").set_index("layer")
    assert rows.n.to_dict() == {0: 9, 1: 10}
    images = sorted(refs)
    for layer, row in rows.iterrows():
        values = {i: captions[i, layer] for i in images if refs[i] and captions[i, layer]}
        assert row["mean"] == pytest.approx(
            package(list(values.values()), [refs[i] for i in values]), abs=1e-6
        )
        samples = []
        for weights in bootstrap_weights(len(images))[:1000]:
            drawn = [
                i
                for i, times in zip(images, weights, strict=True)
                for _ in range(int(times))
                if i in values
            ]
            samples.append(package_of(drawn, values, refs))
        if len(values) < 10:
            assert pd.isna([row.low, row.high]).all()
            continue
        # Where a normal mean's interval of Student's t would end (Hesterberg 2015).
        wide = stats.t.ppf(0.975, len(values) - 1) * np.sqrt(len(values) / (len(values) - 1))
        tail = 100 * stats.norm.sf(wide)
        expected = np.percentile(samples, (tail, 100 - tail))
        assert (row.low, row.high) == pytest.approx(tuple(expected), abs=1e-3)


def package_of(drawn, texts, refs):
    """The same without a tokenizer: these captions are tokens already."""
    texts = dict(enumerate([texts[i]] for i in drawn))
    return Bleu(4).compute_score({k: refs[i] for k, i in enumerate(drawn)}, texts, verbose=0)[0][3]


def test_it_is_made_once_and_only_if_asked_for(run):
    go(run, configured("rouge_l"))
    assert not list(run.glob("parts/corpus*"))
    go(run, configured("coco_bleu4"))
    (made,) = run.glob("parts/corpus.coco_bleu4-*/all/part.json")
    before = made.stat().st_mtime_ns
    go(run, configured("coco_bleu4"))
    assert made.stat().st_mtime_ns == before
    assert read_run(run)["stages"]["corpus.coco_bleu4"] == made.parent.parent.name


def test_without_references_there_is_nothing(tmp_path):
    run = begin_run(tmp_path, "c", 1, 1, (1, 1), 0)
    stage = stage_folder(run, "capture", {})
    with write_part(stage, "p") as part:
        part.table("image", [{"image_id": "i"}])
        part.table(
            "caption", [{"condition_id": "baseline", "image_id": "i", "layer": 0, "text": "a"}]
        )
    mark_complete(stage, ["p"])
    update_run(run, stages={"capture": stage.name})
    go(run, configured("coco_bleu4"))
    assert not list(run.glob("parts/corpus*"))
