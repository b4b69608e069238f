"""Every family with a decoder-only language model, against the library's own modules."""

import copy
import gc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import processors

from precompute.config.settings import DecodeConfig, Generation
from precompute.forward import layers
from precompute.forward.batches import BatchSize
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.layers import run_layers, run_states
from precompute.forward.parity import certificate
from precompute.inputs import Clean, break_pixels, read_edits
from precompute.interventions.apply import layer_edits
from precompute.interventions.parse import Shape, parse
from precompute.models.captioner import Captioner, HasTaps, all_as_read, as_read
from precompute.models.permuted import with_permuted_tower
from precompute.models.tower import VisionTower
from precompute.patching import effects
from precompute.patching.sites import Site
from tests.precompute.models.tiny_families import FAMILIES

_PICTURE = Image.new("RGB", (40, 40), (200, 30, 90))
PROMPT = "a short image caption."
DECODE = DecodeConfig(prompt=PROMPT, batch_size=5, generation=Generation(max_new_tokens=6))


@pytest.fixture(scope="module")
def pictures():
    """Of several shapes: a square is made of each."""
    rng = np.random.default_rng(0)
    shapes = ((50, 70), (64, 64), (90, 40))
    return [Image.fromarray(rng.integers(0, 256, (*s, 3), dtype=np.uint8)) for s in shapes]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return FAMILIES[request.param]()


@pytest.fixture(scope="module")
def taken(family, pictures):
    return capture(family.tower, family.pixels(pictures))


@pytest.fixture(scope="module")
def final(family, taken):
    """Z^L as it is read."""
    return as_read(family, family.tower.n_layers, taken.states)


def test_it_is_a_captioner(family):
    assert isinstance(family, Captioner)
    assert family.tower.n_layers + family.tower.n_dead == 3


@pytest.mark.parametrize("beams", [1, 3])
def test_the_certificate_passes(family, pictures, beams):
    generation = Generation(max_new_tokens=6, num_beams=beams)
    result = certificate(family, pictures, DecodeConfig(prompt=PROMPT, generation=generation))
    assert result["passed"], result
    of = {check["name"]: check for check in result["checks"]}
    assert of["captions"]["detail"] == "3 of 3 captions equal token for token"
    assert of["nothing_leaks"]["value"] == 0
    assert ("dead_layers" in of) == (family.tower.n_dead > 0)


def test_what_is_read_depends_on_the_picture_and_the_layer(family, taken):
    """Or the certificate would pass on a model that never looks."""
    states = all_as_read(family, taken.states)
    read = [family.read(of_layer, PROMPT).hidden for of_layer in states]
    for hidden in read:
        assert not torch.allclose(hidden[0], hidden[1], atol=1e-3)
    for below, above in pairwise(read):
        assert not torch.allclose(below, above, atol=1e-3)


def _shortened(family, layer):
    """The library's model whose tower has only its first blocks, read at its end."""
    model = copy.deepcopy(family.model)
    shorter = replace(family, model=model)
    blocks = shorter.library_blocks
    while len(blocks) > layer:
        del blocks[-1]
    for config in (model.config, model.model.config):
        config.vision_config.num_hidden_layers = layer
        if hasattr(config, "vision_feature_layer"):
            config.vision_feature_layer = -1
    shorter.vision.config.num_hidden_layers = layer
    return replace(shorter, tower=family.view(model))


@pytest.mark.parametrize("layer", [1, 2])
def test_captions_of_a_layer_are_those_of_a_model_that_ends_there(family, pictures, taken, layer):
    """The library's whole model with fewer blocks, run by its own `generate`."""
    with torch.inference_mode():
        ours = decode_layers(family, all_as_read(family, taken.states), DECODE)[layer]
        theirs = _shortened(family, layer).library_captions(pictures, PROMPT, DECODE.generation)
    assert [list(caption.token_ids) for caption in ours] == theirs


def test_log_probabilities_are_those_of_generation(family, pictures, final):
    """Against the scores that the library's `generate` gives for its own words."""
    memory = family.read(final, PROMPT)
    ids = family.generate(memory, DECODE.generation)
    ours = family.logprob(memory, ids)
    out = family.model.generate(
        **family._words(memory, [()] * len(pictures)),
        **family.arguments(DECODE.generation),
        output_logits=True,
        return_dict_in_generate=True,
    )
    for i, caption in enumerate(ids):
        scores = [out.logits[k][i].log_softmax(-1)[token] for k, token in enumerate(caption)]
        assert float(ours[i]) == pytest.approx(float(sum(scores)) / len(caption), abs=1e-4)


def test_captions_of_different_lengths_are_scored_as_alone(family, final):
    memory = family.read(final[:2], PROMPT)
    long, short = family.generate(memory, DECODE.generation)[0], [7, 1]
    together = family.logprob(memory, [long, short])
    for row, ids in enumerate((long, short)):
        alone = replace(memory, hidden=memory.hidden[[row]], mask=memory.mask[[row]])
        assert float(together[row]) == pytest.approx(
            float(family.logprob(alone, [ids])[0]), abs=1e-4
        )


def test_contributions_and_updates_add_up(family, taken, pictures):
    """Heads, b_O and MLP make the summary's step, the library's states being given."""
    tower = family.tower
    for record in run_layers(tower, tower.embed(family.pixels(pictures))):
        block = tower.blocks[record.layer - 1]
        step = record.head_out.sum(1) + block.b_o + tower.summary(record.mlp_out)
        after, before = tower.summary(record.resid_post), tower.summary(record.resid_pre)
        torch.testing.assert_close(step, after - before, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(
            record.pattern.sum(-1), torch.ones_like(record.pattern[..., 0]), atol=1e-5, rtol=1e-5
        )


def test_every_kind_of_condition_runs(family, taken):
    tower = family.tower
    shape = Shape(tower.n_layers, tower.n_heads)
    zbar = {layer: states.mean(0) for layer, states in enumerate(taken.states)}
    plain = taken.states[-1]
    for text in ("mean:1", "mean:1+2", "confuse:2", "heads:2-without-2", "skip:2"):
        edits = layer_edits(tower, parse(text, shape), zbar)
        *_, last = run_layers(tower, taken.states[0], edits)
        assert last.resid_post.isfinite().all()
        assert not torch.allclose(last.resid_post, plain, atol=1e-4), text


def test_a_caption_of_ones_own_has_tokens_of_its_words(family):
    ids = family.token_ids("a dog")
    assert family.text(ids) == "a dog"


@pytest.mark.parametrize("text", ["gaussian_noise@3", "occlude:50:map"])
def test_the_picture_is_broken_as_the_model_sees_it(family, taken, pictures, text):
    pixels = family.pixels(pictures)
    (edit,) = read_edits(text)
    clean = Clean(["a", "b", "c"], pixels, taken.states, [[1]] * 3, PROMPT)
    broken = break_pixels(family, edit, clean)
    assert broken.shape == pixels.shape
    assert broken.dtype == pixels.dtype
    assert not torch.equal(broken, pixels)
    assert torch.equal(broken, break_pixels(family, edit, clean))
    # What is broken in 8 bits begins at the picture that the page shows.
    black, white = family.pixels([Image.new("RGB", (9, 9), c) for c in ("black", "white")])
    seen = np.stack([np.asarray(picture) for picture in family.model_input(pixels)])
    values = (pixels - black) / (white - black) * 255
    assert abs(values.permute(0, 2, 3, 1).numpy() - seen).max() < 0.51


def test_an_attack_goes_through_the_whole_model(family, taken, pictures):
    pixels = family.pixels(pictures)
    ids = [family.token_ids("a dog")] * 3
    (edit,) = read_edits("pgd:eps=16,step=4,n=1")
    tower, top = family.tower, family.tower.n_layers
    with torch.inference_mode():  # as where states are decoded
        clean = Clean(["a", "b", "c"], pixels, taken.states, ids, PROMPT)
        found = break_pixels(family, edit, clean)
        before, after = (
            family.logprob(
                family.read(as_read(family, top, [z, *run_states(tower, z)]), PROMPT), ids
            )
            for z in (tower.embed(pixels), tower.embed(found))
        )
    assert (after <= before + 1e-4).all()
    assert (after < before).any()


def test_states_of_another_picture_are_put_in(family, pictures):
    recorded = effects.record(family.tower, family.pixels(pictures[:2]))
    ids = [family.token_ids(text) for text in ("a dog", "a cat on it")]
    patches = torch.zeros(2, family.tower.grid[0] * family.tower.grid[1], dtype=torch.bool)
    ways = effects.Ways(recorded, recorded.of([1, 0]), ids, ids[::-1], patches, PROMPT)
    if isinstance(family, HasTaps):  # refused with the configuration, and here
        with pytest.raises(ValueError, match="those of 2 taps"):
            effects.spans(family, ways)
        return
    start, end = effects.spans(family, ways)
    top = family.tower.n_layers
    # With every patch (and CLS) of the last state the other's, the model is as the other makes it.
    every = [Site(top, "rest"), Site(top, "mlp"), Site(1, "head", 0)]
    (found, _) = effects.exact(family, ways, [every, []], BatchSize(9, "x"))
    if not family.tower.class_token:
        assert found[every[0]] == pytest.approx(float(end[0]), abs=1e-4)
    (slopes, _) = effects.gradients(family, ways)
    assert all(np.isfinite(list(slopes.values())))
    assert any(slopes.values())
    assert start.shape == (2,)


def test_a_permuted_tower_says_something_else(family, taken, pictures):
    """And leaves the captioner that it was made from as it was."""
    pixels = family.pixels(pictures)
    permuted = with_permuted_tower(family, 0)
    assert not torch.allclose(permuted.tower.embed(pixels), taken.states[0], atol=1e-3)
    again = capture(family.tower, pixels)
    torch.testing.assert_close(again.states[-1], taken.states[-1])
    for ours, theirs in zip(permuted.tower.blocks, family.tower.blocks, strict=True):
        plain = torch.randn(1, family.tower.n_tokens, family.tower.width)
        assert not torch.allclose(ours.qkv(plain), theirs.qkv(plain), atol=1e-3)


def test_a_permuted_tower_is_the_librarys_with_the_same_weights(family, pictures):
    """Positions, windows, LayerScale are kept: the library's own blocks on the copy's weights."""
    model = copy.deepcopy(family.model)
    theirs = replace(family, model=model, tower=family.view(model))
    permuted = with_permuted_tower(family, 0).tower
    for matrix, moved in zip(theirs.tower.matrices, permuted.matrices, strict=True):
        matrix.copy_(moved)
    pixels = family.pixels(pictures)
    *_, last = run_layers(permuted, permuted.embed(pixels))
    torch.testing.assert_close(
        last.resid_post, theirs.library_final_state(pixels), atol=1e-4, rtol=1e-4
    )


def test_a_tower_that_is_wrongly_said_to_have_cls_is_refused(family, pictures):
    """Else a patch would be taken for CLS, or CLS for a patch."""
    tower = family.tower
    wrong: VisionTower = replace(tower, class_token=not tower.class_token)
    with pytest.raises(ValueError, match="class token"):
        capture(wrong, family.pixels(pictures))


def test_a_prompt_is_heard(family, final):
    one, other = (family.read(final, prompt) for prompt in (PROMPT, "how many cats ?"))
    assert one.prefix != other.prefix
    ids = [[7, 8, 9]] * 3
    assert not torch.allclose(family.logprob(one, ids), family.logprob(other, ids), atol=1e-3)


def test_a_prompt_begins_once(family):
    """Where both the chat template and the tokenizer put the token that begins a text."""
    processor = copy.deepcopy(family.processor)
    words, first = processor.tokenizer, "<s>"
    words.add_special_tokens({"bos_token": first})
    words._tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A", special_tokens=[(first, words.bos_token_id)]
    )
    if processor.chat_template:  # PaliGemma has none
        processor.chat_template = "{{ bos_token }}" + processor.chat_template
    ids = replace(family, processor=processor, blank={})._processed([_PICTURE], PROMPT)["input_ids"]
    assert ids[0].tolist().count(words.bos_token_id) == 1 + (family.model_types == ("paligemma",))
    # A template that begins with it where the tokenizer does not is left as it is.
    words._tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    ids = replace(family, processor=processor, blank={})._processed([_PICTURE], PROMPT)["input_ids"]
    assert ids[0].tolist().count(words.bos_token_id) == 1


def test_no_caption_holds_an_images_token(family, taken):
    """Whatever a state makes of it: the library would take the caption for a second image."""
    image, head = family.model.config.image_token_id, family.model.get_output_embeddings()
    before = head.weight.clone()
    memory = family.read(as_read(family, 0, taken.states), PROMPT)
    ids = family.generate(memory, DECODE.generation)
    head.weight[image] = 10 * head.weight[ids[0][0]]  # now the likeliest word
    try:
        for caption in family.generate(memory, DECODE.generation):
            assert image not in caption
    finally:
        head.weight.copy_(before)


def test_a_model_without_an_end_token_writes_to_the_limit(family, final):
    model = copy.deepcopy(family.model)
    model.generation_config.eos_token_id = None
    endless = replace(family, model=model)
    ids = endless.generate(endless.read(final, PROMPT), DECODE.generation)
    assert [len(caption) for caption in ids] == [6, 6, 6]


@pytest.mark.parametrize("wrong", [torch.zeros_like, lambda pattern: pattern.flip(-1)])
def test_another_pattern_fails_in_half_precision(family, pictures, monkeypatch, wrong):
    """What a patch of many receives is little: the bound is a share of that."""
    half = replace(family, model=copy.deepcopy(family.model).bfloat16())
    half = replace(half, tower=family.view(half.model), blank={})
    plain = certificate(half, pictures, DECODE)["checks"][1]
    assert plain["name"] == "attention"
    assert plain["passed"], plain
    ours = layers.pattern_of
    monkeypatch.setattr(layers, "pattern_of", lambda *given: wrong(ours(*given)))
    assert not certificate(half, pictures, DECODE)["checks"][1]["passed"]


def test_no_pattern_is_kept_when_the_certificate_is_done(family, pictures):
    family.library_patterns(family.pixels(pictures))
    gc.collect()
    full = (family.tower.n_tokens, family.tower.n_tokens)
    kept = [
        one for one in gc.get_objects()
        if type(one) is torch.Tensor and one.ndim == 4 and one.shape[-2:] == full
    ]  # fmt: skip
    assert not kept
