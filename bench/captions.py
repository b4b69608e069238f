"""Captions of all layers against the loops that a user would write: `python -m bench.captions`.

On the demo's model and on a wider random one, greedily, on one thread. The loops call the library's
`generate` on a tower cut off after layer l: an image and a layer at a time, or all images at once.
The captions must be the same ones. `limit` is what cannot be saved: one pass through the tower and
one `generate` of all states together. Like is held against like: all ways make captions and nothing
else. A run also scores each caption and the image's final one on its state (two passes of teacher
forcing); that is the last line.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import torch
from PIL import Image
from torch import Tensor

from bench.turns import in_turns, ratio
from precompute.config.settings import DecodeConfig, Generation, ModelConfig, local_path
from precompute.demo.model import build_config, build_model, build_processor
from precompute.forward.decode import decode_layers
from precompute.forward.layers import run_states
from precompute.images import load
from precompute.models import load_captioner
from precompute.models.huggingface import HuggingFaceCaptioner
from precompute.models.vision import view_tower

_REPEATS = 5
_WIDER = 512
_DECODE = DecodeConfig(
    prompt="a short image caption.", batch_size=208, generation=Generation(max_new_tokens=20)
)

Captions = list[list[list[int]]]
"""Token ids of [layer][image]."""


def main() -> None:
    """Print a table a model: seconds of each way, and the ratios."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        demo = load_captioner(ModelConfig(path="precompute/demo/checkpoint", device="cpu"))
        assert isinstance(demo, HuggingFaceCaptioner)
        _table("the demo's model", demo, 48)
        _table(f"random, {_WIDER} wide", _wider(), 6)
    finally:
        torch.set_num_threads(threads)


def _wider() -> HuggingFaceCaptioner:
    processor = build_processor()
    model = build_model(build_config(processor, width=_WIDER)).eval().requires_grad_(False)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


@torch.inference_mode()
def _table(name: str, captioner: HuggingFaceCaptioner, n_images: int) -> None:
    items = load("whoops", local_path("precompute/demo/whoops"))[:n_images]
    inputs = _inputs(captioner, [item.open() for item in items])
    layers = range(captioner.tower.n_layers + 1)

    def one_by_one() -> Captions:
        return [
            [
                _cut_off(captioner, {k: v[i : i + 1] for k, v in inputs.items()}, layer)[0]
                for i in range(n_images)
            ]
            for layer in layers
        ]

    def by_layer() -> Captions:
        return [_cut_off(captioner, inputs, layer) for layer in layers]

    def all_layers() -> Captions:
        # As `decode_layers` goes: from the last layer down, in batches.
        states = torch.cat(_states(captioner, inputs["pixel_values"])[::-1])
        batches = torch.split(states, _DECODE.batch_size)
        made = [
            caption
            for batch in batches
            for caption in captioner.generate(
                captioner.read(batch, _DECODE.prompt), _DECODE.generation
            )
        ]
        return [made[layer * n_images :][:n_images] for layer in reversed(layers)]

    def limit() -> None:
        states = torch.cat(_states(captioner, inputs["pixel_values"]))
        captioner.generate(captioner.read(states, _DECODE.prompt), _DECODE.generation)

    def run() -> Captions:
        made = decode_layers(captioner, _states(captioner, inputs["pixel_values"]), _DECODE)
        return [[list(caption.token_ids) for caption in of_layer] for of_layer in made]

    _require_equal(all_layers(), run(), one_by_one(), by_layer())
    ways = {
        "generate, an image and layer": one_by_one,
        "generate, a layer": by_layer,
        "all layers": all_layers,
        "limit": limit,
        "all layers with scores, a run": run,
    }
    seconds = in_turns(ways, _REPEATS)
    print(
        f"\ncaptions of all layers, {name}: {n_images} images, {len(layers)} layers, "
        f"median of {_REPEATS}; all {n_images * len(layers)} captions equal"
    )
    others = {
        "all layers": "to all layers",
        "limit": "to the limit",
        "all layers with scores, a run": "to a run",
    }
    print(f"{'':<30}{'time':>9}{''.join(f'{name:>22}' for name in others.values())}")
    for way, times in seconds.items():
        ratios = "".join(f"{ratio(times, seconds[other]):>22}" for other in others)
        print(f"{way:<30}{median(times):>7.2f} s{ratios}", flush=True)


def _inputs(captioner: HuggingFaceCaptioner, pictures: Sequence[Image.Image]) -> dict[str, Tensor]:
    """What the library's `generate` takes; prepared once, for all ways."""
    text = [_DECODE.prompt] * len(pictures)
    return dict(captioner.processor(images=list(pictures), text=text, return_tensors="pt"))


def _states(captioner: HuggingFaceCaptioner, pixels: Tensor) -> list[Tensor]:
    state = captioner.tower.embed(pixels)
    return [state, *run_states(captioner.tower, state)]


def _cut_off(
    captioner: HuggingFaceCaptioner, inputs: dict[str, Tensor], layer: int
) -> list[list[int]]:
    """Captions by the library's `generate`, with the blocks above a layer left out."""
    with _cut(captioner, layer):
        out = captioner.model.generate(**inputs, **_DECODE.generation.model_dump(), do_sample=False)
    end = captioner.model.language_model.generation_config.eos_token_id
    rows = [row[1:] for row in out.tolist()]
    return [row[: row.index(end) + 1] if end in row else row for row in rows]


@contextmanager
def _cut(captioner: HuggingFaceCaptioner, layer: int) -> Iterator[None]:
    encoder = captioner.model.vision_model.encoder
    whole = encoder.layers
    encoder.layers = whole[:layer]
    try:
        yield
    finally:
        encoder.layers = whole


def _require_equal(*made: Captions) -> None:
    for other in made[1:]:
        assert made[0] == other, "all ways must give the same captions, token for token"


if __name__ == "__main__":
    main()
