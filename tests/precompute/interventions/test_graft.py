"""States of another picture put in, by conditions, against hooks on the library's own tower."""

from contextlib import ExitStack

import pytest
import torch

from precompute.forward import run_states
from precompute.images import ImageItem, file_reader
from precompute.interventions.apply import layer_edits
from precompute.interventions.conditions import Shape
from precompute.interventions.graft import put_in
from precompute.interventions.parse import expand, parse
from tests.precompute.brute_force import hooked

SHAPE = Shape(3, 8)
TEXTS = (
    "patch:2@other",
    "patch:1-2:heads=0+3-4@other",
    "patch:2:patches=5+9@other",
    "patch:1+3:attn@other",
    "patch:2:mlp@other",
    "patch:3:mlp@other,heads:1-without-2",
)


@pytest.fixture(scope="module")
def items(pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "other.png"
    pictures[4].save(path)
    return [ImageItem("other", path.name, file_reader(path, path.name))]


def _by_hooks(captioner, graft, pixels, other):
    """Z^L of the library's tower, whose modules give in part what they give of another picture."""
    vision = captioner.model.vision_model
    width = vision.config.hidden_size // vision.config.num_attention_heads
    with ExitStack() as stack:
        for at in graft.layers:
            layer, kept = vision.encoder.layers[at - 1], {}
            module = {
                "heads": layer.self_attn.projection,
                "attn": layer.self_attn,
                "mlp": layer.mlp,
            }.get(graft.part, layer)

            def first(value):
                return value[0] if isinstance(value, tuple) else value

            if graft.part == "heads":
                keep = module.register_forward_pre_hook(
                    lambda m, args, kept=kept: kept.update(it=args[0].clone())
                )
            else:
                keep = module.register_forward_hook(
                    lambda m, args, out, kept=kept: kept.update(it=first(out).clone())
                )
            captioner.library_final_state(other)
            keep.remove()

            def put(own, kept=kept):
                mixed = own.clone()
                if graft.part == "heads":
                    for head in graft.which:
                        at = slice(head * width, (head + 1) * width)
                        mixed[..., at] = kept["it"][..., at]
                elif graft.part == "patches":
                    for patch in graft.which:
                        mixed[:, 1 + patch] = kept["it"][:, 1 + patch]
                else:
                    mixed = kept["it"].expand_as(own).clone()
                return mixed

            if graft.part == "heads":
                handle = module.register_forward_pre_hook(lambda m, a, put=put: (put(a[0]),))
            else:
                handle = module.register_forward_hook(
                    lambda m, a, out, put=put: (
                        (put(out[0]), *out[1:]) if isinstance(out, tuple) else put(out)
                    )
                )
            stack.callback(handle.remove)
        return captioner.library_final_state(pixels)


@pytest.mark.parametrize("text", TEXTS)
def test_the_last_state_is_the_hooked_library_s(captioner, pixels, items, text):
    condition = parse(text, SHAPE)
    assert condition.id == text
    tower = captioner.tower
    add = put_in(captioner, [condition.graft], items)
    edits = add(condition.graft, layer_edits(tower, condition, {}))
    batch = pixels[:2]
    *_, mine = run_states(tower, tower.embed(batch), edits)
    other = captioner.pixels([items[0].open()])
    scale = tuple(float(head != 2) for head in range(8))
    beside = [("heads", 1, scale)] if "without" in text else []
    theirs = []
    for i in range(2):  # an image at a time
        if beside:
            theirs.append(_with_both(captioner, condition.graft, batch[i : i + 1], other, beside))
        else:
            theirs.append(_by_hooks(captioner, condition.graft, batch[i : i + 1], other))
    assert torch.allclose(mine, torch.cat(theirs), atol=1e-5)


def _with_both(captioner, graft, pixels, other, beside):
    """An edit of layers besides, which the giving picture does not have."""
    layer, kept = captioner.model.vision_model.encoder.layers[graft.layers[0] - 1], {}
    keep = layer.mlp.register_forward_hook(lambda m, a, out: kept.update(it=out.clone()))
    captioner.library_final_state(other)
    keep.remove()
    with hooked(captioner, beside):
        handle = layer.mlp.register_forward_hook(lambda m, a, out: kept["it"])
        try:
            return captioner.library_final_state(pixels)
        finally:
            handle.remove()


def test_entries_are_read_and_what_contradicts_is_refused():
    assert [c.id for c in expand("patch:1..2:mlp@a b.jpg", SHAPE)] == [
        "patch:1:mlp@a b.jpg",
        "patch:2:mlp@a b.jpg",
    ]
    condition = parse("fog@3,patch:2:patches=4-6@x,skip:1", SHAPE)
    assert condition.id == "fog@3,patch:2:patches=4-6@x,skip:1"
    assert (condition.kind, condition.layers, condition.first) == ("mixed", (1, 2), 0)
    assert parse("patch:2@x", SHAPE).kind == "patch"
    for text, message in (
        ("patch:4@x", "1..3"),
        ("patch:2:heads=8@x", r"heads must be in 0\.\.7"),
        ("patch:2:heads@x", "expected patch:5@IMAGE"),
        ("patch:2:mlp=3@x", "expected patch:5@IMAGE"),
        ("patch:2", "expected patch:5@IMAGE"),
        ("patch:2:patches=9-4@x", "ascend"),
        ("patch:2:patches=4-999999@x", "below 100,000"),
        ("patch:2@x,patch:3@y", "got several"),
        ("patch:2@x,skip:2", "layer 2 is skipped"),
        ("patch:2@x,mean:1~resample", "leave out ~resample"),
    ):
        with pytest.raises(ValueError, match=message):
            parse(text, SHAPE)


def test_pictures_and_patches_that_are_not_there_are_refused(captioner, items):
    with pytest.raises(ValueError, match="there is no 'gone'"):
        put_in(captioner, [parse("patch:2@gone", SHAPE).graft], items)
    with pytest.raises(ValueError, match=r"0\.\.63 for this tower; got 400"):
        put_in(captioner, [parse("patch:2:patches=400@other", SHAPE).graft], items)
