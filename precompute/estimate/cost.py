"""Disk, memory and time of a run, reckoned from the dimensions of its model."""

from dataclasses import dataclass

from precompute.config import Config, Generation
from precompute.models import ModelSize

_XL, _XXL = (24, 2048, 32128), (24, 4096, 32128)

PUBLISHED = {
    "Salesforce/instructblip-flan-t5-xl": ModelSize(
        39, 16, (16, 16), 1408, 985_952_256, 1_344_988_928, 1_626_229_760, 32, *_XL),
    "Salesforce/instructblip-flan-t5-xxl": ModelSize(
        39, 16, (16, 16), 1408, 985_952_256, 4_819_548_928, 6_373_021_696, 32, *_XXL),
    "Salesforce/blip2-flan-t5-xl": ModelSize(
        39, 16, (16, 16), 1408, 985_952_256, 1_264_466_432, 1_626_229_760, 32, *_XL),
    "Salesforce/blip2-flan-t5-xxl": ModelSize(
        39, 16, (16, 16), 1408, 985_952_256, 4_739_026_432, 6_373_021_696, 32, *_XXL),
    "data/lavis-blip2-flan-t5-xl": ModelSize(
        39, 16, (16, 16), 1408, 985_952_256, 1_264_466_432, 1_626_229_760, 32, *_XL),
    "Salesforce/blip-image-captioning-base": ModelSize(
        12, 12, (24, 24), 768, 86_090_496, 0, 137_881_148, 577, 12, 768, 30524),
    "Salesforce/blip-image-captioning-large": ModelSize(
        24, 16, (24, 24), 1024, 303_690_752, 0, 142_599_740, 577, 12, 768, 30524),
}  # fmt: skip
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


A100 = Device("an A100 at a third of its bfloat16 peak, 60% of its bandwidth", 1.0e14, 1.2e12, 0.03)
CPU = Device("a laptop's CPU at 200 GFLOP/s and 30 GB/s in float32", 2.0e11, 3.0e10, 0.01)


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
    beams, words = generation.num_beams, generation.max_new_tokens
    cache = (size.source + words / 2) * 2 * size.decoder_layers
    word = max(
        2 * size.decoder * beams / device.flops,
        itemsize * size.decoder / batch_size / device.bandwidth
        + itemsize * beams * cache * size.decoder_width / device.bandwidth,
        device.step / batch_size,
    )
    second = 2 * size.decoder * words / device.flops
    return forced_seconds(size, generation, device) + second + words * word
