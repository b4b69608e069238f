"""Disk, memory and time of a run, reckoned from the dimensions of its model."""

from dataclasses import dataclass

from precompute.config import Config, Generation, WordMapsConfig, spread
from precompute.models import ModelSize

_PROMPT_TOKENS = 8
_CHAT_TOKENS = 24
"""The prompt in a chat template, which models with a decoder-only language model have."""


@dataclass(frozen=True)
class Device:
    """What a device does a second, in practice rather than on its data sheet.

    Attributes:
        name: for the reader.
        flops: multiplications and additions, each counted, in matrix products.
        flops_float32: likewise, where they are float32 whatever the weights are.
        bandwidth: bytes read from memory.
        step: seconds that a step of `generate` takes at least, for Python and launching kernels.
    """

    name: str
    flops: float
    flops_float32: float
    bandwidth: float
    step: float


A100 = Device(
    "an A100 at a third of its bfloat16 peak, 60% of its bandwidth",
    flops=1.0e14,
    flops_float32=1.3e13,
    bandwidth=1.2e12,
    step=0.03,
)
CPU = Device(
    "a laptop's CPU at 200 GFLOP/s and 30 GB/s in float32",
    flops=2.0e11,
    flops_float32=2.0e11,
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


def word_bytes(size: ModelSize, config: WordMapsConfig) -> int:
    """Bytes on disk of one word's maps, in float16: states, deletion, heads."""
    maps = (len(spread(config.layers, size.n_layers)) + 1) * size.n_tokens
    return 2 * (maps + size.n_layers * size.n_heads)


def state_bytes(size: ModelSize, config: Config, itemsize: int) -> int:
    """Memory of all states of a batch of images, which wait to be decoded."""
    states = config.capture.batch_size * (size.n_layers + 1)
    return states * size.tiles * size.n_tokens * size.width * itemsize


def pattern_bytes(size: ModelSize) -> int:
    """Memory of one layer's attention among all tokens of one image, in float32.

    Scores, scaled scores and shares. Only a tower without CLS, of which what is received is kept,
    has it: see `received_pattern`.
    """
    return 0 if size.class_token else 3 * 4 * size.n_heads * size.n_tokens**2


def decoder_bytes(size: ModelSize, config: Config, itemsize: int) -> int:
    """Memory of a decoder's batch at its largest.

    Keys and values of all tokens; beside them scores of all words, or what a block makes of the
    image's tokens.
    """
    generation = config.decode.generation
    rows = config.decode.batch_size * generation.num_beams
    tokens = size.source + _prompt_tokens(size) + generation.max_new_tokens
    cache = rows * tokens * 2 * size.decoder_layers * size.decoder_width * itemsize
    # Beam search keeps a few float32 copies of a step's scores; teacher forcing those of all steps.
    step = 3 * rows * size.vocabulary * 4
    forced = config.decode.batch_size * generation.max_new_tokens * size.vocabulary * (itemsize + 8)
    # An MLP is about four times as wide as its model, and holds three such at once.
    block = rows * tokens * 12 * _decoder_model_width(size) * itemsize
    return cache + max(step, forced, block)


def _prompt_tokens(size: ModelSize) -> int:
    return _CHAT_TOKENS if size.decoder_only else _PROMPT_TOKENS


def _decoder_model_width(size: ModelSize) -> int:
    """Width of a language model that reads the image; 0 of others, whose source is short."""
    return size.output // size.vocabulary if size.output else 0


def tower_seconds(size: ModelSize, device: Device) -> float:
    """Time of one image's pass through the tower."""
    of_tile = 2 * size.tower * size.n_tokens + _attention_products(size)
    return size.tiles * of_tile / device.flops


def observed_seconds(size: ModelSize, device: Device) -> float:
    """Time that a pass takes longer where the attention of its heads is kept.

    Without CLS that is a second product of all queries and keys, in float32 and one image at a
    time, and six times reading or writing it: scores, their scaling, softmax, mean. CLS's own row
    is 1/N of that, and counts as nothing.
    """
    if size.class_token:
        return 0.0
    moved = 6 * 4 * size.n_layers * size.n_heads * size.n_tokens**2
    return _attention_products(size) / 2 / device.flops_float32 + moved / device.bandwidth


def _attention_products(size: ModelSize) -> int:
    """Of queries with keys, and of shares with values, in all layers."""
    return 4 * size.n_layers * size.n_tokens**2 * size.width


def _passed(size: ModelSize, n_tokens: int, n_scored: int) -> float:
    """Products and sums of a decoder that is given a caption's tokens at once, and scores some.

    A decoder-only one goes through the image's and the prompt's tokens before them.
    """
    if not size.decoder_only:
        return 2 * size.decoder * n_tokens
    n_tokens += size.source + _prompt_tokens(size)
    blocks = 2 * (size.decoder - size.output) * n_tokens
    among = 4 * size.decoder_layers * n_tokens**2 * _decoder_model_width(size)
    return blocks + among + 2 * size.output * n_scored


def _teacher_forced(size: ModelSize, generation: Generation, device: Device) -> float:
    """Time of a caption's log-probability on a state that has been read."""
    words = generation.max_new_tokens
    return _passed(size, words, words + 1) / device.flops


def forced_seconds(size: ModelSize, generation: Generation, device: Device) -> float:
    """Time of reading one state, and of one caption's log-probability on it."""
    # Q-Former and encoder read the prompt along; a projector knows the image alone.
    tokens = size.source + (0 if size.decoder_only else _prompt_tokens(size))
    read = 2 * size.reader * tokens / device.flops
    return read + _teacher_forced(size, generation, device)


def caption_seconds(
    size: ModelSize, generation: Generation, batch_size: int, device: Device, itemsize: int
) -> float:
    """Time of one state: read, decoded to the length limit, two captions teacher-forced.

    A step of generation reads all of the decoder's weights, which its batch shares, and computes
    one word for every beam; the slower of the two counts, or the least that a step takes. Before
    the first step every beam of a decoder-only model goes through the image's and the prompt's
    tokens, which gives the first word.
    """
    # Without a decoder the caption is the nearest text of a list: one step.
    beams, words = generation.num_beams, generation.max_new_tokens if size.decoder else 1
    before = size.source + (_prompt_tokens(size) if size.decoder_only else 0)
    cache = (before + words / 2) * 2 * size.decoder_layers
    word = max(
        2 * size.decoder * beams / device.flops,
        itemsize * size.decoder / batch_size / device.bandwidth
        + itemsize * beams * cache * size.decoder_width / device.bandwidth,
        device.step / batch_size,
    )
    steps = words * word
    if size.decoder_only:
        steps = beams * _passed(size, 0, 1) / device.flops + (words - 1) * word
    second = _teacher_forced(size, generation, device)
    return forced_seconds(size, generation, device) + second + steps
