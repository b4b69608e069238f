"""LAVIS behind the captioner's door, held against LAVIS itself."""

import pickle
import shutil

import pytest
import torch

from precompute.config.settings import Generation, ModelConfig
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.layers import LayerEdit, run_states
from precompute.forward.parity import certificate
from precompute.interventions.apply import layer_edits
from precompute.interventions.conditions import Shape
from precompute.interventions.parse import parse
from precompute.models import load_captioner, missing_weights, size_of, weights_sha256
from precompute.models.captioner import Captioner, Placement
from precompute.models.lavis import load, view
from precompute.models.lavis_files import describe
from tests.lavis.conftest import CHECK
from tests.lavis.numbers import GREEDY, PROMPT, pictures

BEAMS = Generation(num_beams=3, max_new_tokens=5, min_new_tokens=2, repetition_penalty=1.5)


def config(folder):
    return ModelConfig(backend="lavis", path=str(folder), device="cpu")


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(CHECK / "small", tmp_path / "small")


def test_it_is_a_captioner_of_the_dimensions_in_its_folder(captioner):
    assert isinstance(captioner, Captioner)
    assert (captioner.tower.n_layers, captioner.tower.n_heads) == (3, 8)
    assert captioner.tower.grid == (8, 8)


@pytest.mark.parametrize("generation", [GREEDY.generation, BEAMS], ids=["greedy", "beams"])
def test_the_certificate_passes(captioner, generation):
    result = certificate(
        captioner, pictures(), GREEDY.model_copy(update={"generation": generation})
    )
    assert result["passed"], result
    assert result["checks"][-1]["detail"] == "5 of 5 captions equal token for token"


@torch.inference_mode()
def test_states_and_patterns_equal_hooks_on_lavis(captioner):
    pixels = captioner.pixels(pictures())
    states, patterns = [], []
    for block in captioner.model.visual_encoder.blocks:
        block.register_forward_hook(lambda module, args, out: states.append(out))
        block.attn.attn_drop.register_forward_hook(
            lambda module, args, out: patterns.append(out[:, :, 0])
        )
    captioner.model.visual_encoder(pixels)
    made = capture(captioner.tower, pixels)
    for mine, theirs in zip(made.states[1:], states, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(made.attention, torch.stack(patterns, 1), rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_edits_equal_hooks_on_lavis(captioner):
    pixels = captioner.pixels(pictures())
    embedded = captioner.tower.embed(pixels)
    scale = torch.tensor([1.0, 0.0, 2.0, 1.0, 0.5, 0.0, 1.0, 1.0])
    *_, edited = run_states(
        captioner.tower, embedded, {2: LayerEdit(head_scale=scale), 3: LayerEdit(skip=True)}
    )
    vit = captioner.model.visual_encoder
    each = scale.repeat_interleave(vit.embed_dim // len(scale))
    vit.blocks[1].attn.proj.register_forward_pre_hook(lambda module, args: (args[0] * each,))
    vit.blocks[2].register_forward_hook(lambda module, args, out: args[0])
    torch.testing.assert_close(edited, vit(pixels), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("generation", [GREEDY.generation, BEAMS], ids=["greedy", "beams"])
def test_every_layer_equals_generate_on_a_truncated_tower(captioner, generation):
    settings = GREEDY.model_copy(update={"generation": generation})
    states = capture(captioner.tower, captioner.pixels(pictures())).states
    output = set()
    captions = decode_layers(captioner, states, settings)
    for layer in reversed(range(len(states))):
        vit = captioner.model.visual_encoder
        vit.blocks = vit.blocks[:layer]
        expected = captioner.library_captions(pictures(), PROMPT, generation)
        assert [list(caption.token_ids) for caption in captions[layer]] == expected
        output |= {caption.token_ids for caption in captions[layer]}
    assert len(output) > 3, "a model that says one thing would hide a mistake"


@torch.inference_mode()
def test_ids_of_the_library_are_those_of_its_words(captioner):
    ids = captioner.library_captions(pictures(), PROMPT, GREEDY.generation)
    words = captioner.model.generate(
        {"image": captioner.pixels(pictures()), "prompt": PROMPT},
        num_beams=1, max_length=GREEDY.generation.max_new_tokens,
    )  # fmt: skip
    assert [captioner.text(row) for row in ids] == [text.strip() for text in words]


@torch.inference_mode()
def test_logprobs_equal_a_step_by_step_loop(captioner):
    state = captioner.tower.embed(captioner.pixels(pictures()))
    memory = captioner.read(state, PROMPT)
    captions = captioner.generate(memory, GREEDY.generation)
    got = captioner.logprob(memory, captions)
    t5 = captioner.model.t5_model
    for image, ids in enumerate(captions):
        total, before = 0.0, [t5.config.decoder_start_token_id]
        for token in ids:
            hidden = t5.decoder(
                input_ids=torch.tensor([before]),
                encoder_hidden_states=memory.hidden[image : image + 1],
            ).last_hidden_state
            total += t5.lm_head(hidden)[0, -1].log_softmax(-1)[token].item()
            before.append(token)
        assert got[image].item() == pytest.approx(total / len(ids), abs=1e-4)


def test_the_picture_is_what_the_model_saw(captioner):
    (shown,) = captioner.model_input(captioner.pixels(pictures()[:1]))
    again = captioner.pixels([shown])
    torch.testing.assert_close(again, captioner.pixels(pictures()[:1]), rtol=0, atol=0.01)


def test_mixed_precision_is_that_of_lavis(monkeypatch):
    """As on a GPU, but on the CPU: float16 tower on a float32 stream, bfloat16 Flan-T5."""

    def autocast(dtype):
        return torch.autocast("cpu", dtype=dtype)

    whole = load(CHECK / "small", Placement("cpu", torch.float32))
    exact = capture(whole.tower, whole.pixels(pictures())).states[-1]
    from lavis.models.eva_vit import convert_weights_to_fp16

    convert_weights_to_fp16(whole.model.visual_encoder)
    whole.model.t5_model.bfloat16()
    mixed = view(whole.model, describe(CHECK / "small"), autocast)
    monkeypatch.setattr(
        type(mixed.model), "maybe_autocast", lambda self, dtype=torch.float16: autocast(dtype)
    )
    states = capture(mixed.tower, mixed.pixels(pictures())).states
    assert mixed.tower.dtype == torch.float16
    assert {state.dtype for state in states} == {torch.float32}
    assert 1e-6 < (states[-1] - exact).abs().max() < 0.05
    _edits_run_in_it(mixed.tower, states)
    result = certificate(mixed, pictures(), GREEDY)
    assert result["passed"], result
    assert "5 of 5" in result["checks"][-1]["detail"]


@torch.inference_mode()
def _edits_run_in_it(tower, states):
    """Means in the precision of the states go through the layers; they need not be right here."""
    like = next(tower.final_norm.parameters())
    assert like.dtype == torch.float32
    zbar = {1: states[1].mean(0).to(like)}
    for text in ("mean:2", "confuse:2"):
        edits = layer_edits(tower, parse(text, Shape(3, 8)), zbar)
        *_, last = run_states(tower, states[1], edits, 2)
        assert last.dtype == torch.float32 and last.isfinite().all()
        assert (last - states[-1]).abs().max() > 1e-3


def test_lavis_dtypes_are_not_a_choice():
    for placement in (
        Placement("cpu", torch.bfloat16), Placement("cuda", torch.float32),
        Placement("cpu", torch.float32, gpus=2),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="backend = 'huggingface'"):
            load(CHECK / "small", placement)


def test_its_dimensions_are_known_without_weights(captioner, copy):
    for file in copy.glob("*.pth"):
        file.unlink()
    size = size_of(config(copy))
    assert size.weights == sum(weight.numel() for weight in captioner.model.parameters())
    assert (size.n_layers, size.n_heads, size.grid, size.width) == (3, 8, (8, 8), 32)
    assert size.tower == sum(w.numel() for w in captioner.model.visual_encoder.parameters())


def test_the_hash_is_of_all_files(copy):
    before = weights_sha256(config(copy))
    with (copy / "flan-t5" / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert weights_sha256(config(copy)) != before


def test_what_is_missing_is_named_with_commands(copy, tmp_path):
    assert missing_weights(config(CHECK / "small")) is None
    output = missing_weights(config(tmp_path / "none"))
    assert "eva_vit_g.pth" in output
    assert "hf download google/flan-t5-xl --local-dir" in output
    shutil.rmtree(copy / "flan-t5")
    assert "flan-t5 is not" in missing_weights(config(copy))


def test_a_file_that_would_run_code_is_not_read(copy, tmp_path):
    trap = tmp_path / "trap"
    for protocol in (2, pickle.DEFAULT_PROTOCOL):
        torch.save({"model": _Trap(trap)}, copy / "rest.pth", pickle_protocol=protocol)
        with pytest.raises(ValueError, match=r"expected tensors in .*rest\.pth"):
            load_captioner(config(copy))
        assert not trap.exists()


class _Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_missing_and_misshapen_weights_are_refused(copy):
    rest = torch.load(copy / "rest.pth", weights_only=True)
    kept = rest["model"].pop("t5_proj.weight")
    torch.save(rest, copy / "rest.pth")
    with pytest.raises(ValueError, match=r"1 are not there: t5_proj\.weight"):
        load_captioner(config(copy))
    rest["model"]["t5_proj.weight"] = kept[:-1]
    torch.save(rest, copy / "rest.pth")
    with pytest.raises(ValueError, match=r"config\.json says[\s\S]*t5_proj\.weight"):
        load_captioner(config(copy))


def test_instructblip_needs_its_tokenizer(copy):
    shutil.copy(CHECK / "instruct" / "rest.pth", copy / "rest.pth")
    with pytest.raises(ValueError, match=r"expected BLIP-2 .*bert-base-uncased --local-dir"):
        load_captioner(config(copy))


def test_transformers_5_is_sent_to_its_own_environment():
    output = missing_weights(ModelConfig(path="precompute/demo/checkpoint"))
    assert "the back end 'huggingface' is not in this environment" in output
