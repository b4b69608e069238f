"""Scores of heads against the library's model under hooks; softmax and its temperature by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel

from precompute.config.settings import PROJECT, PruningConfig, read_config
from precompute.heads.importance import (
    Scores,
    above_null,
    draw,
    draw_others,
    importance,
    null_means,
    read_scores,
    spread,
    write_scores,
)
from precompute.images import load
from precompute.metrics.rouge_l import rouge_l
from precompute.models import load_captioner
from store.parts.write import read_part, stage_folder, write_part
from tests.precompute.forward.test_decode import truncated

LAYERS = [1, 8]


def hooked_captions(captioner, pictures, config, layer, head):
    """The library's captions of Z^layer; with a head, that one alone in the layer's attention.

    Head -1 is none: all of them are off.
    """
    model = truncated(captioner.model, layer)
    attention = model.vision_model.encoder.layers[-1].self_attn
    if head is not None:
        d = attention.embed_dim // attention.num_heads
        alone = torch.arange(attention.embed_dim) // d == head
        attention.projection.register_forward_pre_hook(lambda m, args: (args[0] * alone,))
    inputs = captioner.processor(
        pictures, [config.decode.prompt] * len(pictures), return_tensors="pt"
    )
    rows = model.generate(**inputs, do_sample=False, **config.decode.generation.model_dump())
    return [
        text.strip() for text in captioner.processor.batch_decode(rows, skip_special_tokens=True)
    ]


def test_scores_are_those_of_the_librarys_model_under_hooks(tmp_path):
    config = read_config(PROJECT / "precompute/configs/demo.toml")
    captioner = load_captioner(config.model)
    items = list(load("whoops", PROJECT / config.datasets[0].path))[:3]
    pictures = [item.open() for item in items]
    whole = {at: hooked_captions(captioner, pictures, config, at, None) for at in LAYERS}
    captured = stage_folder(tmp_path, "capture", {})
    first, second, third = (item.image_id for item in items)
    with write_part(captured, "p") as part:
        part.meta["batches"] = [[first, "not in the sample", second], ["neither"], [third]]
        part.table(
            "caption",
            [
                {
                    "condition_id": "baseline",
                    "image_id": item.image_id,
                    "layer": at,
                    "text": text,
                    "token_ids": [1],
                }
                for at, texts in {**whole, captioner.tower.n_layers: [""] * 3}.items()
                for item, text in zip(items, texts, strict=True)
            ],
        )
    capture = read_part(captured / "p")
    stage, done = stage_folder(tmp_path, "importance.x", {}), []
    with write_part(stage, "p") as part:
        write_scores(part, captioner, items, capture, LAYERS, lambda: rouge_l, config, done.append)
    assert done == [2, 1]
    scores = read_scores([read_part(stage / "p")])
    assert list(scores.heads) == list(scores.null) == LAYERS
    assert scores.images == [first, second, third]
    for at in LAYERS:
        for head in range(-1, captioner.tower.n_heads):
            alone = hooked_captions(captioner, pictures, config, at, head)
            expected = rouge_l(alone, [[text] for text in whole[at]])
            got = scores.null[at] if head < 0 else scores.heads[at][:, head]
            np.testing.assert_allclose(got, expected)
    every = np.concatenate([*scores.heads.values(), *(v[:, None] for v in scores.null.values())], 1)
    assert len({round(score, 6) for score in every.ravel()}) > 2
    assert scores.of([third, first]).heads[8].tolist() == scores.heads[8][[2, 0]].tolist()
    assert scores.of([third, first]).null[8].tolist() == scores.null[8][[2, 0]].tolist()


def test_the_sample_is_seeded_and_ignores_the_order_of_images():
    ids = [f"img-{i}" for i in range(20)]
    config = PruningConfig(name="x", m=5, seed=3)
    assert draw(ids, config) == draw(ids[::-1], config)
    assert len(set(draw(ids, config))) == 5
    assert draw(ids, config) != draw(ids, config.model_copy(update={"seed": 4}))


def test_no_two_samples_share_an_image():
    ids = [f"img-{i}" for i in range(20)]
    config = PruningConfig(name="x", m=5, seed=3, samples=3)
    others = draw_others(ids, config)
    assert others == draw_others(ids[::-1], config)
    together = [image for sample in (draw(ids, config), *others) for image in sample]
    assert len(together) == len(set(together)) == 15
    many = config.model_copy(update={"samples": 100})
    assert [len(sample) for sample in draw_others(ids, many)] == [5, 5, 5]
    assert draw_others(ids, config.model_copy(update={"samples": 1})) == []
    assert draw_others(ids[:9], config) == []


def of_heads(heads, null=None):
    """Scores; without a null, of one that is as good as a caption can be."""
    n = len(next(iter(heads.values())))
    return Scores([str(i) for i in range(n)], heads, null or {layer: np.ones(n) for layer in heads})


def paper(temperature=None):
    return PruningConfig(name="x", temperature=temperature)


ABOVE_NULL = PruningConfig(name="x", importance="above-null")


def test_softmax_of_the_mean_scores():
    nan = math.nan
    scores = of_heads(
        {
            3: np.array([[0.2, 0.4, nan], [0.4, 0.8, nan]]),
            7: np.array([[0.5, nan, 0.1], [0.7, 0.3, 0.1]]),
        }
    )
    means = {3: [0.3, 0.6, None], 7: [0.6, 0.3, 0.1]}
    for temperature, used in ((0.25, 0.25), (None, 0.5)):
        got = importance(scores, paper(temperature))
        assert got.temperature == pytest.approx(used)
        for layer, values in means.items():
            powers = [0 if m is None else math.exp(m / used) for m in values]
            assert got.weights[layer] == pytest.approx([p / sum(powers) for p in powers])
        assert got.ranks == got.weights


def test_a_heads_share_of_what_is_above_the_null_by_a_loop():
    nan = math.nan
    heads = {
        3: np.array([[0.6, 0.4, nan, 0.1], [0.9, 0.7, nan, 0.5], [0.8, nan, nan, nan]]),
        7: np.full((3, 4), 0.5),
    }
    null = {3: np.array([0.2, 0.6, nan]), 7: np.full(3, 0.5)}
    expected = []
    for head in range(4):
        pairs = [
            heads[3][i, head] - null[3][i]
            for i in range(3)
            if not (math.isnan(heads[3][i, head]) or math.isnan(null[3][i]))
        ]
        expected.append(sum(pairs) / len(pairs) if pairs else None)
    assert expected == pytest.approx([0.35, 0.15, None, -0.1])
    got = importance(of_heads(heads, null), ABOVE_NULL)
    assert got.temperature is None
    assert got.weights[3] == pytest.approx([0.7, 0.3, 0, 0])
    # Of two heads that weigh nothing, the one that cannot be scored goes first.
    assert sorted(range(4), key=lambda head: got.ranks[3][head]) == [2, 3, 1, 0]
    assert got.weights[7] == [0.25] * 4, "where none is above the null, all weigh the same"
    assert null_means(of_heads(heads, null)) == {3: pytest.approx(0.4), 7: 0.5}
    silent = {3: np.full(3, nan), 7: null[7]}
    assert null_means(of_heads(heads, silent))[3] is None
    with pytest.raises(ValueError, match="heads and the null of layer 3 must say something"):
        importance(of_heads(heads, silent), ABOVE_NULL)


def test_what_does_nothing_scores_as_the_null_and_weighs_nothing():
    """The reason for the null: in the paper's importance such a head weighs nearly the most."""
    chance = np.random.default_rng(1)
    null = {2: np.clip(0.95 + 0.03 * chance.normal(size=400), 0, 1)}
    better = np.clip(null[2] + 0.02, 0, 1)
    worse = null[2] - 0.2
    scores = of_heads({2: np.stack([null[2], better, worse, worse], 1)}, null)
    by_paper, by_null = (importance(scores, config).weights[2] for config in (paper(), ABOVE_NULL))
    assert by_paper[0] / by_paper[1] > 0.9
    assert by_null == pytest.approx([0, 1, 0, 0])


def test_intervals_above_the_null_are_those_of_scipys_paired_t_test():
    chance = np.random.default_rng(0)
    heads, null = chance.uniform(size=(12, 2)), chance.uniform(size=12)
    heads[3, 0] = math.nan
    got = above_null(of_heads({4: heads, 5: np.full((12, 1), math.nan)}, {4: null, 5: null}))
    assert got[5] == [None]
    for head, interval in enumerate(got[4]):
        there = ~np.isnan(heads[:, head])
        test = ttest_rel(heads[there, head], null[there])
        low, high = test.confidence_interval()
        assert interval == pytest.approx(
            ((heads[:, head] - null)[there].mean(), low, high), abs=1e-6
        )


def test_the_rule_lets_the_best_head_weigh_at_most_e_times_the_worst():
    rng = np.random.default_rng(0)
    scores = {at: 0.9 + width * rng.normal(size=(30, 16)) for at, width in ((4, 0.01), (9, 0.02))}
    got = importance(of_heads(scores), paper())
    ratios = {at: max(values) / min(values) for at, values in got.weights.items()}
    assert max(ratios.values()) == pytest.approx(math.e)
    assert min(ratios.values()) > 1
    times_ten = {at: 10 * values - 3 for at, values in scores.items()}
    again = importance(of_heads(times_ten), paper())
    assert again.temperature == pytest.approx(10 * got.temperature)
    for at, values in got.weights.items():
        assert again.weights[at] == pytest.approx(values)


def test_heads_that_are_all_alike_weigh_the_same():
    same = {1: np.full((4, 8), 0.7)}
    assert spread({1: same[1].mean(0)}) == 1.0
    assert importance(of_heads(same), paper()).weights[1] == pytest.approx([1 / 8] * 8)


def test_a_layer_without_words_is_refused():
    with pytest.raises(ValueError, match="heads of layer 5 must say something"):
        importance(of_heads({5: np.full((3, 4), np.nan)}), paper())
