"""What every head of a layer says: Z_h^l, the state after block l with this head alone, decoded.

Before them stands the null, the state with all heads off: Z^{l-1}, b_O and the MLP are left, and
what is said from that no head says.

The paper's Z_h (Figure 6). It is not the condition `heads:l-only-h`, which goes on through the
layers above and is decoded at the end.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.config import HEADS_LAYERS, Config, require_layers
from precompute.forward import Attention, BatchSize, LayerEdit, attend, decode_states, run_states
from precompute.images import ImageItem
from precompute.models import Captioner, HasTaps, VisionTower, as_read, by_layout
from precompute.runner import (
    Advance,
    Batches,
    Job,
    baseline_batches,
    caption_row,
    capture_of,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from store.disk import read_run
from store.parts import Part, PartWriter
from store.schema import BASELINE, NO_HEAD

VERSION = 2
"""Of what a part holds and how it is computed; part of the stage's identity."""


def caption_heads(job: Job) -> None:
    """Make what is missing of stage `heads`, if the configuration has one.

    Raises:
        StoreError: the capture is not complete.
        ValueError: a layer that the tower does not have.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    if plan.config.heads is None:
        return
    n_layers = read_run(job.run)["n_layers"]
    layers = require_layers(plan.config.heads.layers, 1, n_layers, HEADS_LAYERS)
    capture = capture_of(job)
    settings = {"version": VERSION, "capture": capture.stage, "layers": layers}
    stage = open_stage(job.run, stage_names.HEADS, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_head_captions(
            part, captioner(), capture.parts[name], plan.shards[name], layers, plan.config, advance
        )

    make_parts(job.maker, job.run, stage, capture.sizes, make)


def write_head_captions(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    layers: Sequence[int],
    config: Config,
    advance: Advance,
) -> None:
    """Decode the heads of one shard: table `head_caption`.

    Args:
        part: where the shard is written.
        captioner: the model.
        source: the capture part of the same shard: its batches and final captions.
        items: the shard's images.
        layers: whose heads, 1..L, ascending.
        config: prompt, generation, batch sizes.
        advance: called with the number of images done, after every batch.
    """
    final = final_captions(source, captioner.tower.n_layers)
    places: list[tuple[str, int, int]] = []

    def states(here: Captioner, batches: Batches) -> Iterator[tuple[Tensor, list[int]]]:
        for ids, pixels in batches:
            for layer, head, alone in heads_as_read(here, pixels, layers):
                places.extend((image_id, layer, head) for image_id in ids)
                yield from zip(alone, [final[image_id] for image_id in ids], strict=True)

    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    every = baseline_batches(part, captioner, source, items, advance)
    captions = [
        caption
        for here, batches in by_layout(captioner, every)
        for caption in decode_states(here, states(here, batches), config.decode, of_decoder)
    ]
    part.meta["decoder_batches"] = of_decoder.used
    part.table(
        "head_caption",
        [
            {**caption_row(BASELINE, image_id, layer, caption), "head": head}
            for (image_id, layer, head), caption in zip(places, captions, strict=True)
        ],
    )


@torch.inference_mode()
def tower_heads(
    tower: VisionTower, pixels: Float[Tensor, "batch 3 y x"], layers: Sequence[int]
) -> Iterator[tuple[int, int, Float[Tensor, "batch token width"]]]:
    """Layer, head and Z_h^l of every head of some layers (1..L, ascending), in one pass.

    A layer's null comes before its heads, as head `NO_HEAD`.
    """
    state, last = tower.embed(pixels), max(layers)
    for layer in range(1, last + 1):
        attention = attend(tower, layer, state)
        if layer in layers:
            for head, alone in enumerate(head_states(tower, layer, state, attention), NO_HEAD):
                yield layer, head, alone
        if layer < last:
            state = next(run_states(tower, state, None, layer, attention))


@torch.inference_mode()
def heads_as_read(
    captioner: Captioner, pixels: Float[Tensor, "batch 3 y x"], layers: Sequence[int]
) -> Iterator[tuple[int, int, Float[Tensor, "batch token parts"]]]:
    """The same as a captioner's `read` takes it: taps give what they do with all heads."""
    tower, states = captioner.tower, list[Tensor]()
    if isinstance(captioner, HasTaps):
        states = [tower.embed(pixels)]
        states += run_states(tower, states[0])
    for layer, head, alone in tower_heads(tower, pixels, layers):
        if states:
            alone = as_read(captioner, layer, [*states[:layer], alone, *states[layer + 1 :]])
        yield layer, head, alone


def head_states(
    tower: VisionTower,
    layer: int,
    state: Float[Tensor, "batch token width"],
    attention: Attention,
) -> Iterator[Float[Tensor, "batch token width"]]:
    """The null of block `layer`, what leaves it if s = 0, then Z_h^l of every head, s = one-hot(h).

    The other heads give nothing, b_O stays, and the MLP sees the head alone.

    Args:
        tower: the tower.
        layer: 1..L.
        state: Z^{l-1}.
        attention: of the block on `state`; all heads share it.
    """
    alone = torch.eye(tower.n_heads, device=state.device)
    for scale in [torch.zeros_like(alone[0]), *alone]:
        yield next(run_states(tower, state, {layer: LayerEdit(scale)}, layer, attention))
