"""Conditions the slow way: forward hooks on the library's own model, nothing of `layers`."""

import copy
from contextlib import ExitStack, contextmanager

import torch


def states(captioner, pixels):
    """Z^0..Z^L by the library."""
    vision = captioner.model.vision_model
    got = [vision.embeddings(pixels)]
    with ExitStack() as stack:
        for layer in vision.encoder.layers:
            stack.callback(
                layer.register_forward_hook(
                    lambda m, args, out: got.append(out[0] if isinstance(out, tuple) else out)
                ).remove
            )
        vision.encoder(inputs_embeds=got[0])
    return got


def means(captioner, batches):
    """Zbar^0..Zbar^L, an image at a time."""
    each = [states(captioner, pixels[i : i + 1]) for pixels in batches for i in range(len(pixels))]
    return [torch.stack([one[at][0] for one in each]).mean(0) for at in range(len(each[0]))]


@contextmanager
def hooked(captioner, edits, zbar=None):
    """Hook the library's layers while the block lasts.

    `edits` are (kind, layer) or ("heads", layer, scale); `zbar` is layer -> the mean to use.
    """
    with ExitStack() as stack:
        for kind, at, *scale in edits:
            layer = captioner.model.vision_model.encoder.layers[at - 1]
            for handle in {"mean": _mean, "confuse": _confuse, "skip": _skip, "heads": _heads}[
                kind
            ](layer, scale[0] if kind == "heads" else (zbar or {}).get(at)):
                stack.callback(handle.remove)
        yield


def _mean(layer, zbar):
    def replace(module, args, output):
        # `forward` of the module itself: its own hooks do not run, those of its children do.
        constant = module.forward(layer.layer_norm1(zbar[None]))[0]
        return (constant.expand_as(output[0]), *output[1:])

    yield layer.self_attn.register_forward_hook(replace)


def _confuse(layer, zbar):
    seen = {}
    yield layer.register_forward_pre_hook(lambda m, args: seen.update(z=args[0]))
    # The library adds its input afterwards: take that out and put the mean in.
    yield layer.layer_norm2.register_forward_pre_hook(lambda m, args: (args[0] - seen["z"] + zbar,))
    yield layer.mlp.register_forward_hook(lambda m, args, out: out - seen["z"] + zbar)


def _skip(layer, _):
    seen = {}
    yield layer.register_forward_pre_hook(lambda m, args: seen.update(z=args[0]))
    yield layer.register_forward_hook(
        lambda m, args, out: (seen["z"], *out[1:]) if isinstance(out, tuple) else seen["z"]
    )


def _heads(layer, scale):
    width = layer.self_attn.embed_dim // layer.self_attn.num_heads
    each = torch.tensor(scale).repeat_interleave(width)
    yield layer.self_attn.projection.register_forward_pre_hook(lambda m, args: (args[0] * each,))


def permuted_model(model, seed):
    """A copy of the library's model, the matrices of its tower permuted by hand, name by name."""
    copied = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    weights = dict(copied.vision_model.named_parameters())
    names = ["embeddings.patch_embedding.weight", "embeddings.position_embedding"]
    names += [
        f"encoder.layers.{i}.{part}.weight"
        for i in range(len(copied.vision_model.encoder.layers))
        for part in ("self_attn.qkv", "self_attn.projection", "mlp.fc1", "mlp.fc2")
    ]
    assert set(names) == {name for name, w in weights.items() if sum(n > 1 for n in w.shape) > 1}
    for name in names:
        flat = weights[name].data.flatten().tolist()
        order = torch.randperm(len(flat), generator=generator).tolist()
        moved = torch.tensor([flat[k] for k in order], dtype=weights[name].dtype)
        weights[name].data = moved.reshape(weights[name].shape)
    return copied
