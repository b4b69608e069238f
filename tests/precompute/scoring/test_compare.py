"""Which pairs are scored, what is left unscored, and what stands in for what."""

import itertools
import math
from importlib.metadata import version

import pytest

from precompute.config.settings import Config, ScoreConfig
from precompute.images import imagenet_classes
from precompute.metrics import METRICS, Corpus, Metric
from precompute.metrics.rouge_l import rouge_l
from precompute.scoring.compare import (
    Known,
    knowledge,
    pairs,
    score_heads,
    score_image,
    score_pairs,
    score_part,
    score_settings,
)
from precompute.scoring.corpus import derangements, read_corpus, synonyms
from store.parts.write import read_part, stage_folder, write_part
from store.text import normalise

CAPTIONS = {0: "", 1: "a dog", 2: "a cat on a mat"}
ALL = ("previous", "final", "reference", "shuffled", "baseline", "self")


def test_pairs_of_one_image():
    known = Known(("a cat",), shuffled=(("x",), ("y",)), baseline={1: "a cow"})
    got = [(p.layer, p.against, p.references) for p in pairs(CAPTIONS, known, ALL, "c")]
    final, mine = ("a cat on a mat",), ("a cat",)
    others = [("shuffled", ("x",)), ("shuffled", ("y",))]
    expected = {
        0: [("final", final), ("reference", mine), *others, ("self", ("c", "0"))],
        1: [
            ("previous", ("",)),
            ("final", final),
            ("reference", mine),
            *others,
            ("baseline", ("a cow",)),
            ("self", ("c", "1")),
        ],
        2: [
            ("previous", ("a dog",)),
            ("final", final),
            ("reference", mine),
            *others,
            ("self", ("c", "2")),
        ],
    }
    assert got == [(layer, *row) for layer, rows in expected.items() for row in rows]


def test_without_references_there_are_no_rows_against_them():
    asked = pairs(CAPTIONS, Known(), ("previous", "final", "reference", "shuffled"), "c")
    assert {pair.against for pair in asked} == {"previous", "final"}


def test_an_empty_side_is_unscored_and_never_0():
    asked = list(pairs(CAPTIONS, Known(("a cat",)), ("previous", "final", "reference"), "c"))
    values = score_image(asked, score_pairs(asked, lambda texts, _: [0.0] * len(texts)))
    unscored = {(0, "final"), (0, "reference"), (1, "previous")}
    for at, value in values.items():
        assert math.isnan(value) == (at in unscored)


def test_a_pair_that_many_images_share_is_scored_once():
    asked = []

    def counting(texts, references):
        asked.extend(texts)
        return [0.5] * len(texts)

    captions = {0: "a man", 1: "a man"}
    all_pairs = [
        p for _ in range(100) for p in pairs(captions, Known(), ("previous", "final"), "c")
    ]
    assert score_pairs(all_pairs, counting) == [0.5] * 300
    assert asked == ["a man"]


@pytest.mark.parametrize("seed", range(20))
def test_derangements_give_everybody_another(seed):
    mine = {f"{k}": (f"text {k}",) for k in range(2 + seed)}
    for values in derangements(mine, 3, seed):
        assert sorted(values) == sorted(values.values()) == sorted(mine)
        assert all(one != other for one, other in values.items())
    assert derangements(mine, 3, seed) == derangements(mine, 3, seed)


def test_a_stand_in_has_other_texts():
    mine = {f"{k}": (f"class {k % 3}",) for k in range(30)}
    for values in derangements(mine, 5):
        assert len(values) == 30
        assert all(mine[one] != mine[other] for one, other in values.items())
    assert derangements({"a": ("x",), "b": ("x",)}, 2) == [{}, {}]


def write_captions(run, trajectories, refs=(), labels=()):
    """A part with captions, as a capture leaves it; stories[condition][image][layer]."""
    images = sorted({image for values in trajectories.values() for image in values})
    stage = stage_folder(run, "capture", {})
    with write_part(stage, "p") as part:
        part.table(
            "image",
            [
                {
                    "image_id": image,
                    "refs": dict(refs).get(image, []),
                    "label": dict(labels).get(image),
                }
                for image in images
            ],
        )
        part.table(
            "caption",
            [
                {"condition_id": condition, "image_id": image, "layer": layer, "text": text}
                for condition, values in trajectories.items()
                for image, captions in values.items()
                for layer, text in enumerate(captions)
            ],
        )
    return read_part(stage / "p")


def scored(part, name, tmp_path, config=None, corpus=None, baseline=None):
    corpus = corpus or read_corpus([part], {})
    config = config or ScoreConfig()
    metric = METRICS[name](config, corpus)
    known = knowledge(corpus, metric, config.shuffles)
    table = score_part(part, name, metric, metric.open(tmp_path), known, baseline)
    return {
        (r["condition_id"], r["image_id"], r["layer"], r["metric"], r["against"]): r["value"]
        for r in table.to_pylist()
    }


def test_the_gain_is_own_minus_others(tmp_path):
    refs = {"i": ["a cat on a mat", "a cat"], "j": ["a dog"], "k": ["two owls on a mat"]}
    trajectories = {"i": ["a", "a cat"], "j": ["a", "a dog"], "k": ["a", "an owl"]}
    part = write_captions(tmp_path, {"baseline": trajectories}, refs)
    got = scored(part, "rouge_l", tmp_path, ScoreConfig(shuffles=4))
    itself = {image: tuple(texts) for image, texts in refs.items()}
    maps = derangements(itself, 4)
    for image, layer in itertools.product(refs, (0, 1)):
        text = trajectories[image][layer]
        mine = rouge_l([text], [refs[image]])[0]
        theirs = sum(rouge_l([text], [refs[values[image]]])[0] for values in maps) / 4
        at = ("baseline", image, layer)
        assert got[(*at, "rouge_l", "reference")] == pytest.approx(mine)
        assert got[(*at, "rouge_l", "shuffled")] == pytest.approx(theirs)
        assert got[(*at, "grounded_gain_rouge_l", "shuffled")] == pytest.approx(mine - theirs)


def test_other_conditions_are_held_against_the_baseline(tmp_path):
    capture = write_captions(tmp_path, {"baseline": {"i": ["a cat", "a dog"]}})
    stage = stage_folder(tmp_path, "sweep.s", {})
    with write_part(stage, "p") as part:
        part.table(
            "caption",
            [
                {"condition_id": "skip:1", "image_id": "i", "layer": layer, "text": text}
                for layer, text in enumerate(["a cat", "a cow"])
            ]
            + [{"condition_id": "skip:2", "image_id": "i", "layer": 1, "text": "a dog"}],
        )
    got = scored(
        read_part(stage / "p"), "exact", tmp_path, corpus=Corpus({}, {}, ""), baseline=capture
    )
    assert got == {
        ("skip:1", "i", 0, "exact", "final"): 0.0,
        ("skip:1", "i", 0, "exact", "baseline"): 1.0,
        ("skip:1", "i", 1, "exact", "previous"): 0.0,
        ("skip:1", "i", 1, "exact", "final"): 1.0,
        ("skip:1", "i", 1, "exact", "baseline"): 0.0,
        # Of the last layer alone there is nothing before and nothing to settle on.
        ("skip:2", "i", 1, "exact", "baseline"): 1.0,
    }


def test_heads_are_held_against_their_layer_the_one_below_and_references(tmp_path):
    refs = {"i": ["an owl", "a cat on a mat"]}
    capture = write_captions(tmp_path, {"baseline": {"i": ["a cow", "a dog", "a cat"]}}, refs)
    stage = stage_folder(tmp_path, "heads", {})
    texts = {(1, 0): "a cow", (1, 1): "a dog", (2, 0): "", (2, 1): "a cat on a mat"}
    with write_part(stage, "p") as part:
        part.table(
            "head_caption",
            [
                {
                    "condition_id": "baseline",
                    "image_id": "i",
                    "layer": layer,
                    "head": head,
                    "text": text,
                }
                for (layer, head), text in texts.items()
            ],
        )
    metric = METRICS["rouge_l"](ScoreConfig(), corpus := read_corpus([capture], {}))
    table = score_heads(
        read_part(stage / "p"), "rouge_l", metric, rouge_l, knowledge(corpus, metric, 1), capture
    )
    got = {(r["layer"], r["head"], r["against"]): r["value"] for r in table.to_pylist()}
    captions = ["a cow", "a dog", "a cat"]
    assert got == {
        (layer, head, against): rouge_l([text], [mine])[0] if text else None
        for (layer, head), text in texts.items()
        for against, mine in (
            ("baseline", [captions[layer]]),
            ("previous", [captions[layer - 1]]),
            ("reference", refs["i"]),
        )
    }


def test_labels_stand_in_for_references(tmp_path):
    labels = {"i": "penguin", "j": "crane", "k": "crane"}
    trajectories = {"i": ["a penguin"], "j": ["a heron"], "k": ["a penguin"]}
    part = write_captions(tmp_path, {"baseline": trajectories}, labels=labels)
    corpus = read_corpus([part], {"crane": ["crane", "heron"]})
    got = scored(part, "label", tmp_path, corpus=corpus)
    values = {at[1:]: value for at, value in got.items()}
    for image, mine, other in (("i", 1.0, 0.0), ("j", 1.0, 0.0), ("k", 0.0, 1.0)):
        assert values[image, 0, "label", "label"] == mine
        assert values[image, 0, "label", "shuffled"] == other
        assert values[image, 0, "grounded_gain_label", "shuffled"] == mine - other


def test_metrics_without_meaning_are_left_out():
    neither = Corpus({}, {}, "")
    both = Corpus({"i": ("a cat",)}, {"i": ("cat",)}, "")
    assert METRICS["cider"](ScoreConfig(), neither) is None
    assert METRICS["label"](ScoreConfig(), neither) is None
    assert METRICS["label"](ScoreConfig(), both) is None


def test_uniqueness_by_comparing_all(tmp_path):
    trajectories = {
        "i": ["A man.", "a cat", ""],
        "j": ["a man", "a dog", ""],
        "k": ["", "a man", "x"],
    }
    other = {"i": ["a man", "a cat", "x"]}
    part = write_captions(tmp_path, {"baseline": trajectories, "c": other})
    got = scored(part, "uniqueness", tmp_path)
    for image, layer in itertools.product(trajectories, range(3)):
        text = normalise(trajectories[image][layer])
        alone = not any(
            normalise(trajectories[o][layer]) == text for o in trajectories if o != image
        )
        value = got["baseline", image, layer, "uniqueness", "self"]
        assert value == (float(alone) if text else None)
    assert got["c", "i", 0, "uniqueness", "self"] == 1.0


def test_what_decides_the_numbers_is_in_the_settings():
    metric = Metric(lambda stage: rouge_l, settings={"tokeniser": "t"})
    corpus = Corpus({}, {}, "sha")
    settings = score_settings("rouge_l", metric, "capture-1", corpus, 3)
    assert settings["shuffles"] == 3
    assert settings["corpus"] == "sha"
    assert settings["tokeniser"] == "t"
    alone = score_settings("n", Metric(lambda stage: rouge_l, ("self",)), "c", corpus, 3)
    assert "shuffles" not in alone


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("bleu", "sacrebleu"),
        ("rouge_l", "rouge-score"),
        ("coco_bleu4", "pycocoevalcap"),
        ("coco_rouge_l", "pycocoevalcap"),
        ("cider", "pycocoevalcap"),
        ("bertscore", "bert-score"),
        ("n_nouns", "wn"),
        ("noun_depth", "wn"),
        ("exact", None),
        ("uniqueness", None),
    ],
)
def test_a_metrics_stage_says_which_version_of_its_package_made_it(name, package):
    metric = METRICS[name](ScoreConfig(), Corpus({"i": ("a cat",)}, {}, "sha"))
    versions = score_settings(name, metric, "capture-1", Corpus({}, {}, ""), 3).get("versions", {})
    assert versions.get(package) == (package and version(package))
    assert bool(versions) is bool(package)


def test_synonyms_are_read_beside_the_pictures(tmp_path):
    (tmp_path / "synset_words.txt").write_text(
        "n02056570 king penguin, Aptenodytes patagonica\nn00000001 crane\nn00000002 crane, lifter\n"
    )
    got = imagenet_classes.synonyms(tmp_path)
    assert got["crane"] == ["crane", "crane", "lifter"]  # no wnids of ImageNet
    penguin = got["king penguin"]
    assert penguin[:2] == ["king penguin", "Aptenodytes patagonica"]
    assert {"penguin", "seabird", "bird"} < set(penguin)
    assert not {"animal", "vertebrate", "object"} & set(penguin)
    config = Config.model_validate(
        {
            "model": {"path": "x"},
            "decode": {"prompt": "p"},
            "datasets": [
                {"name": "here", "kind": "imagenet", "path": str(tmp_path)},
                {"name": "away", "kind": "imagenet", "path": "nowhere"},
            ],
        }
    )
    assert synonyms(config, "here") == got
    lion = synonyms(config, "away")["lion"]
    assert lion[:3] == ["lion", "king of beasts", "Panthera leo"]
    assert "big cat" in lion
