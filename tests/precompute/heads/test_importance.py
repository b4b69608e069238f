"""Scores of heads against the library's model under hooks; softmax and its temperature by hand."""

import math

import numpy as np
import pytest
import torch

from precompute.config.settings import PROJECT, PruningConfig, read_config
from precompute.heads.importance import draw, importance, read_scores, spread, write_scores
from precompute.images import load
from precompute.metrics.rouge_l import rouge_l
from precompute.models import load_captioner
from store.parts.write import read_part, stage_folder, write_part
from tests.precompute.forward.test_decode import truncated

LAYERS = [1, 8]


def hooked_captions(captioner, pictures, config, layer, head):
    """The library's captions of Z^layer; with a head, that one alone in the layer's attention."""
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
    assert list(scores) == LAYERS
    for at in LAYERS:
        for head in range(captioner.tower.n_heads):
            alone = hooked_captions(captioner, pictures, config, at, head)
            expected = rouge_l(alone, [[text] for text in whole[at]])
            np.testing.assert_allclose(scores[at][:, head], expected)
    assert len({round(score, 6) for score in np.concatenate(list(scores.values())).ravel()}) > 2


def test_the_sample_is_seeded_and_ignores_the_order_of_images():
    ids = [f"img-{i}" for i in range(20)]
    config = PruningConfig(name="x", m=5, seed=3)
    assert draw(ids, config) == draw(ids[::-1], config)
    assert len(set(draw(ids, config))) == 5
    assert draw(ids, config) != draw(ids, config.model_copy(update={"seed": 4}))


def test_softmax_of_the_mean_scores():
    nan = math.nan
    scores = {
        3: np.array([[0.2, 0.4, nan], [0.4, 0.8, nan]]),
        7: np.array([[0.5, nan, 0.1], [0.7, 0.3, 0.1]]),
    }
    means = {3: [0.3, 0.6, None], 7: [0.6, 0.3, 0.1]}
    for temperature, used in ((0.25, 0.25), (None, 0.5)):
        weights, at = importance(scores, temperature)
        assert at == pytest.approx(used)
        for layer, values in means.items():
            powers = [0 if m is None else math.exp(m / used) for m in values]
            assert weights[layer] == pytest.approx([p / sum(powers) for p in powers])


def test_the_rule_lets_the_best_head_weigh_at_most_e_times_the_worst():
    rng = np.random.default_rng(0)
    scores = {at: 0.9 + width * rng.normal(size=(30, 16)) for at, width in ((4, 0.01), (9, 0.02))}
    weights, temperature = importance(scores, None)
    ratios = {at: max(values) / min(values) for at, values in weights.items()}
    assert max(ratios.values()) == pytest.approx(math.e)
    assert min(ratios.values()) > 1
    times_ten = {at: 10 * values - 3 for at, values in scores.items()}
    again, wider = importance(times_ten, None)
    assert wider == pytest.approx(10 * temperature)
    for at, values in weights.items():
        assert again[at] == pytest.approx(values)


def test_heads_that_are_all_alike_weigh_the_same():
    same = {1: np.full((4, 8), 0.7)}
    assert spread({1: same[1].mean(0)}) == 1.0
    assert importance(same, None)[0][1] == pytest.approx([1 / 8] * 8)


def test_a_layer_without_words_is_refused():
    with pytest.raises(ValueError, match="heads of layer 5 must say something"):
        importance({5: np.full((3, 4), np.nan)}, None)
