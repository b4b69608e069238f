"""Patching against hooks on the library's own model: exactly, and the gradient by differences."""

from contextlib import ExitStack

import pytest
import torch
from PIL import Image

from precompute.forward import BatchSize, mixed
from precompute.patching.effects import Ways, effects_of, exact, gradients, record, spans
from precompute.patching.sites import Site, token_share, whole_sites

PROMPT = "a short image caption."
OWN, OTHER = [65, 97, 33, 1], [97, 33, 1]


@pytest.fixture(scope="module")
def ways(captioner, pixels):
    """Two ways: the first picture with states of the second, and back."""
    recorded = record(captioner.tower, pixels[:2])
    changed = torch.zeros(2, 64, dtype=torch.bool)
    changed[0, 5:20] = changed[1, 7] = True
    return Ways(recorded, recorded.of([1, 0]), [OWN, OTHER], [OTHER, OWN], changed, PROMPT)


def _kept(captioner, pixels):
    """What every module of the library's tower gives for a picture, by hooks."""
    vision, got = captioner.model.vision_model, {}
    with ExitStack() as stack:

        def keep(module, name):
            def hook(m, args, out):
                got[name] = (out[0] if isinstance(out, tuple) else out).clone()

            stack.callback(module.register_forward_hook(hook).remove)

        keep(vision.embeddings, ("state", 0))
        for at, layer in enumerate(vision.encoder.layers, 1):
            keep(layer, ("state", at))
            keep(layer.self_attn, ("attention", at))
            keep(layer.mlp, ("mlp", at))

            def before(m, args, at=at):
                got["head", at] = args[0].clone()

            handle = layer.self_attn.projection.register_forward_pre_hook(before)
            stack.callback(handle.remove)
        vision(pixels)
    return got


def _by_hooks(captioner, ways, way, site, pixels, share=1.0):
    """m of one way with a share of a site put in, by the library's whole model."""
    other = _kept(captioner, pixels[1 - way : 2 - way])
    vision = captioner.model.vision_model
    layer = vision.encoder.layers[site.layer - 1]
    width = vision.config.hidden_size // vision.config.num_attention_heads

    def mix(own, theirs):
        return own + share * (theirs - own)

    def state(m, args, out):
        own = out[0] if isinstance(out, tuple) else out
        there = token_share(captioner.tower, site, ways.changed[way])[None, :, None]
        mixed = own + share * there * (other["state", site.layer] - own)
        return (mixed, *out[1:]) if isinstance(out, tuple) else mixed

    def head(m, args):
        own, at = args[0].clone(), slice(site.position * width, (site.position + 1) * width)
        own[..., at] = mix(own[..., at], other["head", site.layer][..., at])
        return (own,)

    def attention(m, args, out):
        return (mix(out[0], other["attention", site.layer]), *out[1:])

    def mlp(m, args, out):
        return mix(out, other["mlp", site.layer])

    if site.of_state:
        module = layer if site.layer else vision.embeddings
        handle = module.register_forward_hook(state)
    elif site.kind == "head":
        handle = layer.self_attn.projection.register_forward_pre_hook(head)
    else:
        module = {"attention": layer.self_attn, "mlp": layer.mlp}[site.kind]
        handle = module.register_forward_hook({"attention": attention, "mlp": mlp}[site.kind])
    try:
        blank = Image.new("RGB", (96, 96))  # the picture itself is given as pixels
        words = captioner.processor(blank, PROMPT, return_tensors="pt")
        words["pixel_values"] = pixels[way : way + 1]
        values = []
        for ids in (ways.other_captions[way], ways.own_captions[way]):
            logits = captioner.model(
                **words, decoder_input_ids=torch.tensor([[0, *ids[:-1]]])
            ).logits[0]
            at = torch.arange(len(ids))
            values.append(logits.log_softmax(-1)[at, torch.tensor(ids)].mean().item())
    finally:
        handle.remove()
    return values[0] - values[1]


SITES = (
    Site(0, "patch", 9),
    Site(2, "patch", 63),
    Site(3, "patch", 0),
    Site(1, "cls"),
    Site(0, "changed"),
    Site(2, "changed"),
    Site(1, "rest"),
    Site(1, "head", 0),
    Site(3, "head", 7),
    Site(2, "attention"),
    Site(1, "mlp"),
    Site(3, "mlp"),
)


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_every_kind_of_site_is_the_hooked_library_s(captioner, ways, pixels, rows):
    found = exact(captioner, ways, [SITES, SITES[::2]], BatchSize(rows, "x"))
    assert [set(one) for one in found] == [set(SITES), set(SITES[::2])]
    for way, of_way in enumerate(found):
        for site, value in of_way.items():
            theirs = _by_hooks(captioner, ways, way, site, pixels)
            assert value == pytest.approx(theirs, abs=2e-5), site


def test_the_gradient_is_that_of_differences(captioner, ways, pixels):
    found = gradients(captioner, ways)
    tower = captioner.tower
    n = (tower.n_layers + 1) * tower.n_tokens + tower.n_layers * (tower.n_heads + 2)
    assert [len(one) for one in found] == [n, n]
    for way, of_way in enumerate(found):
        for site in SITES:
            if site.kind in ("changed", "rest"):
                continue
            up, down = (
                _by_hooks(captioner, ways, way, site, pixels, share) for share in (0.05, -0.05)
            )
            assert of_way[site] == pytest.approx((up - down) / 0.1, abs=2e-4, rel=0.05), site


def test_the_ends_are_the_pictures_themselves(captioner, ways):
    start, end = spans(captioner, ways)
    # Of the way back, one's own and the other's captions change places.
    assert torch.allclose(start, -end.flip(0), atol=1e-5)
    every = Site(3, "cls"), Site(3, "rest"), Site(3, "changed")
    (values, _) = exact(captioner, ways, [every, ()], BatchSize(8, "x"))
    effects = effects_of(values, float(start[0]), float(end[0]))
    assert all(abs(effect) < 5 for effect in effects.values())
    assert effects_of(
        {every[0]: float(start[0]), every[1]: float(end[0])}, *map(float, (start[0], end[0]))
    ) == {
        every[0]: 0.0,
        every[1]: 1.0,
    }


def test_a_share_of_nothing_and_of_all_is_exact(captioner, ways):
    """No rounding: what is not patched is the picture's own, to the last bit."""
    own, other = ways.own.states[1], ways.other.states[1]
    share = torch.zeros(2, own.shape[1])
    share[:, 3] = 1
    put = mixed(own, other, share)
    assert torch.equal(put[:, 3], other[:, 3])
    assert torch.equal(put[:, 4:], own[:, 4:])


def test_groups_without_a_patch_are_no_sites(captioner):
    none = {site.kind for site in whole_sites(captioner.tower, torch.zeros(64, dtype=torch.bool))}
    every = {site.kind for site in whole_sites(captioner.tower, torch.ones(64, dtype=torch.bool))}
    assert none == {"cls", "rest", "attention", "mlp"}
    assert every == {"cls", "changed", "attention", "mlp"}
