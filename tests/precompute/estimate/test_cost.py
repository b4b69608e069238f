"""What is reckoned of a decoder-only model, held against the operations that torch counts."""

from types import SimpleNamespace

import pytest
from PIL import Image
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from precompute.config.settings import Generation
from precompute.estimate import cost
from precompute.estimate.cost import (
    Device,
    array_bytes,
    caption_seconds,
    decoder_bytes,
    forced_seconds,
    observed_seconds,
    pattern_bytes,
    tower_seconds,
)
from precompute.forward import capture
from precompute.forward.layers import received_pattern, run_states
from precompute.models.captioner import as_read
from precompute.models.family import size_of_config
from tests.precompute.models.tiny_families import FAMILIES

# The library's processor of PaliGemma makes an array of a tensor in an old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COUNTER = Device("one operation a second", 1.0, 1.0, bandwidth=float("inf"), step=0.0)
WORDS = 6


def counted(work):
    """What some work gives, and its products and sums; all attention by plain products."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        result = work()
    return result, counter.get_total_flops()


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    captioner = FAMILIES[request.param]()
    size = size_of_config(type(captioner), captioner.model.config)
    pixels = captioner.pixels([Image.linear_gradient("L").convert("RGB")] * 2)
    return SimpleNamespace(
        captioner=captioner, size=size, pixels=pixels, n_images=2, tower=captioner.tower
    )


def test_a_tiny_models_weights_are_all_counted_once(family):
    everything = sum(weight.numel() for weight in family.captioner.model.parameters())
    assert family.size.weights == everything
    words = family.captioner.model.get_output_embeddings().weight
    assert family.size.output == words.numel()
    assert cost._decoder_model_width(family.size) == words.shape[1]


def test_a_pass_through_the_tower(family):
    embedded, below = counted(lambda: family.tower.embed(family.pixels))
    _, through = counted(lambda: list(run_states(family.tower, embedded)))
    mine = family.n_images * tower_seconds(family.size, COUNTER)
    assert mine == pytest.approx(below + through, rel=0.04)


def test_attention_that_is_kept(family):
    tower = family.tower
    heads = tower.split_heads(tower.blocks[0], tower.blocks[0].norm1(tower.embed(family.pixels)))
    _, each = counted(lambda: received_pattern(heads, tower.blocks[0].mask))
    expected = 0 if tower.class_token else tower.n_layers * each / family.n_images
    assert observed_seconds(family.size, COUNTER) == expected
    scores = 4 * heads.q.shape[1] * heads.q.shape[2] ** 2
    assert pattern_bytes(family.size) == (0 if tower.class_token else 3 * scores)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_caption(family, beams, monkeypatch):
    """Read, decoded to the limit of words, and teacher-forced twice."""
    captioner, size = family.captioner, family.size
    generation = Generation(num_beams=beams, max_new_tokens=WORDS, min_new_tokens=WORDS)
    state = as_read(captioner, 0, [family.tower.embed(family.pixels)])
    memory, reading = counted(lambda: captioner.read(state, "a cat"))
    captions, generating = counted(lambda: captioner.generate(memory, generation))
    assert all(len(caption) == WORDS for caption in captions)
    _, forcing = counted(lambda: captioner.logprob(memory, captions))

    monkeypatch.setattr(cost, "_CHAT_TOKENS", len(memory.prefix) - size.source)
    n = family.n_images
    forced = n * forced_seconds(size, generation, COUNTER)
    # Of so small a model biases and norms, which are no products, are a sixteenth of the weights.
    assert forced == pytest.approx(reading + forcing, rel=0.1)
    mine = n * caption_seconds(size, generation, 1, COUNTER, 4)
    assert mine == pytest.approx(reading + generating + 2 * forcing, rel=0.05)


def test_an_images_arrays_on_disk(family):
    taken = capture(family.tower, family.pixels)
    stored = [taken.attention, taken.contribution, taken.token_norm]
    halves = 2 * sum(array.numel() for array in stored) / family.n_images
    assert array_bytes(family.size, cls_state=False) == halves
    summary = 2 * taken.summary_state.numel() / family.n_images
    assert array_bytes(family.size, cls_state=True) == halves + summary


def test_keys_and_values_hold_the_image_and_the_prompt(family, config):
    """Those that `generate` leaves behind for one row."""
    captioner, size = family.captioner, family.size
    state = as_read(captioner, 0, [family.tower.embed(family.pixels[:1])])
    memory = captioner.read(state, "a cat")
    words = captioner._words(memory, [()])
    cache = captioner.model(**words, use_cache=True).past_key_values
    kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    a_token = 2 * size.decoder_layers * size.decoder_width * 4
    assert kept <= len(memory.prefix) * a_token
    if "sliding_window" not in captioner.model.config.get_text_config().to_dict():
        assert kept == len(memory.prefix) * a_token
    generation = Generation(num_beams=1, max_new_tokens=1)
    one = config.model_copy(
        update={
            "decode": config.decode.model_copy(update={"generation": generation, "batch_size": 1})
        }
    )
    more = generation.model_copy(update={"max_new_tokens": 1 + 100_000})
    many = one.model_copy(update={"decode": one.decode.model_copy(update={"generation": more})})
    grown = decoder_bytes(size, many, 4) - decoder_bytes(size, one, 4)
    assert grown >= 100_000 * a_token
