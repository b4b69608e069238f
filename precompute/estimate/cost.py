"""Disk, memory and time of a run, reckoned from the dimensions of its model."""

from dataclasses import dataclass

from precompute.config import Config, Generation
from precompute.models import ModelSize


def _with_t5(*, reader: int, decoder: int, decoder_width: int) -> ModelSize:
    """EVA-CLIP ViT-g and a Q-Former before a Flan-T5; the weights by the size of the T5."""
    return ModelSize(
        n_layers=39,
        n_heads=16,
        grid=(16, 16),
        width=1408,
        tower=985_952_256,
        reader=reader,
        decoder=decoder,
        source=32,
        decoder_layers=24,
        decoder_width=decoder_width,
        vocabulary=32128,
    )


def _blip(*, n_layers: int, n_heads: int, width: int, tower: int, decoder: int) -> ModelSize:
    """A BLIP for captions at 384 pixels: its decoder reads the state itself."""
    return ModelSize(
        n_layers=n_layers,
        n_heads=n_heads,
        grid=(24, 24),
        width=width,
        tower=tower,
        reader=0,
        decoder=decoder,
        source=577,
        decoder_layers=12,
        decoder_width=768,
        vocabulary=30524,
    )


def _clip(
    *, n_layers: int, n_heads: int, patches: int, width: int, tower: int, reader: int, beside: int
) -> ModelSize:
    """A CLIP at 224 pixels."""
    return ModelSize(
        n_layers=n_layers,
        n_heads=n_heads,
        grid=(patches, patches),
        width=width,
        tower=tower,
        reader=reader,
        decoder=0,
        source=1,
        decoder_layers=0,
        decoder_width=0,
        vocabulary=0,
        beside=beside,
    )


_BASE = {"n_layers": 12, "n_heads": 12, "width": 768}
_XL = {"decoder": 1_626_229_760, "decoder_width": 2048}
_XXL = {"decoder": 6_373_021_696, "decoder_width": 4096}
_BLIP2_XL = _with_t5(reader=1_264_466_432, **_XL)

PUBLISHED = {
    "Salesforce/instructblip-flan-t5-xl": _with_t5(reader=1_344_988_928, **_XL),
    "Salesforce/instructblip-flan-t5-xxl": _with_t5(reader=4_819_548_928, **_XXL),
    "Salesforce/blip2-flan-t5-xl": _BLIP2_XL,
    "Salesforce/blip2-flan-t5-xxl": _with_t5(reader=4_739_026_432, **_XXL),
    "data/lavis-blip2-flan-t5-xl": _BLIP2_XL,
    "Salesforce/blip-image-captioning-base": _blip(
        n_layers=12, n_heads=12, width=768, tower=86_090_496, decoder=137_881_148
    ),
    "Salesforce/blip-image-captioning-large": _blip(
        n_layers=24, n_heads=16, width=1024, tower=303_690_752, decoder=142_599_740
    ),
    "openai/clip-vit-base-patch32": _clip(
        **_BASE, patches=7, tower=87_456_000, reader=393_216, beside=63_428_097
    ),
    "openai/clip-vit-large-patch14": _clip(
        n_layers=24,
        n_heads=16,
        patches=16,
        width=1024,
        tower=303_179_776,
        reader=786_432,
        beside=123_650_305,
    ),
}
"""Models whose dimensions are known without a file, from their published configurations."""

_PROMPT_TOKENS = 8


@dataclass(frozen=True)
class Device:
    """What a device does a second, in practice rather than on its data sheet.

    Attributes:
        name: for the reader.
        flops: multiplications and additions, each counted, in matrix products.
        bandwidth: bytes read from memory.
        step: seconds that a step of `generate` takes at least, for Python and launching kernels.
    """

    name: str
    flops: float
    bandwidth: float
    step: float


A100 = Device(
    "an A100 at a third of its bfloat16 peak, 60% of its bandwidth",
    flops=1.0e14,
    bandwidth=1.2e12,
    step=0.03,
)
CPU = Device(
    "a laptop's CPU at 200 GFLOP/s and 30 GB/s in float32",
    flops=2.0e11,
    bandwidth=3.0e10,
    step=0.01,
)


def array_bytes(size: ModelSize, cls_state: bool) -> int:
    """Bytes on disk of one image's arrays, in float16, without its picture."""
    cells = 2 * size.n_layers * size.n_heads * size.n_tokens
    cells += (size.n_layers + 1) * size.n_tokens
    if cls_state:
        cells += (size.n_layers + 1) * size.width
    return 2 * cells


def token_attention_bytes(size: ModelSize) -> int:
    """Bytes on disk of one image's attention of every token, mean over heads, in float16."""
    return 2 * size.n_layers * size.n_tokens**2


def state_bytes(size: ModelSize, config: Config, itemsize: int) -> int:
    """Memory of all states of a batch of images, which wait to be decoded."""
    states = config.capture.batch_size * (size.n_layers + 1)
    return states * size.n_tokens * size.width * itemsize


def decoder_bytes(size: ModelSize, config: Config, itemsize: int) -> int:
    """Memory of a decoder's batch at its largest: keys and values, and scores of all words."""
    generation = config.decode.generation
    rows = config.decode.batch_size * generation.num_beams
    tokens = size.source + _PROMPT_TOKENS + generation.max_new_tokens
    cache = rows * tokens * 2 * size.decoder_layers * size.decoder_width * itemsize
    # Beam search keeps a few float32 copies of a step's scores; teacher forcing those of all steps.
    step = 3 * rows * size.vocabulary * 4
    forced = config.decode.batch_size * generation.max_new_tokens * size.vocabulary * (itemsize + 8)
    return cache + max(step, forced)


def tower_seconds(size: ModelSize, device: Device) -> float:
    """Time of one image's pass through the tower."""
    cells = 4 * size.n_layers * size.n_tokens**2 * size.width
    return (2 * size.tower * size.n_tokens + cells) / device.flops


def forced_seconds(size: ModelSize, generation: Generation, device: Device) -> float:
    """Time of reading one state, and of one caption's log-probability on it."""
    read = 2 * size.reader * (size.source + _PROMPT_TOKENS)
    return (read + 2 * size.decoder * generation.max_new_tokens) / device.flops


def caption_seconds(
    size: ModelSize, generation: Generation, batch_size: int, device: Device, itemsize: int
) -> float:
    """Time of one state: read, decoded to the length limit, two captions teacher-forced.

    A step of generation reads all of the decoder's weights, which its batch shares, and computes
    one word for every beam; the slower of the two counts, or the least that a step takes.
    """
    # Without a decoder the caption is the nearest text of a list: one step.
    beams, words = generation.num_beams, generation.max_new_tokens if size.decoder else 1
    cache = (size.source + words / 2) * 2 * size.decoder_layers
    word = max(
        2 * size.decoder * beams / device.flops,
        itemsize * size.decoder / batch_size / device.bandwidth
        + itemsize * beams * cache * size.decoder_width / device.bandwidth,
        device.step / batch_size,
    )
    second = 2 * size.decoder * words / device.flops
    return forced_seconds(size, generation, device) + second + words * word
