"""Dimensions of published models: what is reckoned of a model that is not on this machine."""

from functools import partial

from precompute.config import ModelConfig
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


_XL = {"decoder": 1_626_229_760, "decoder_width": 2048}
_XXL = {"decoder": 6_373_021_696, "decoder_width": 4096}
_BLIP2_XL = _with_t5(reader=1_264_466_432, **_XL)

_CLIP = partial(ModelSize, decoder=0, source=1, decoder_layers=0, decoder_width=0, vocabulary=0)
"""A CLIP, which writes nothing."""

_reads_images = partial(ModelSize, class_token=False, decoder_only=True)
"""A decoder-only language model before which an image's tokens stand."""

_SO400M = partial(_reads_images, n_layers=27, n_heads=16, width=1152)
_ONEVISION = partial(_SO400M, n_layers=26, grid=(27, 27), tower=397_362_816, source=730)
_PALIGEMMA = partial(_SO400M, grid=(16, 16), tower=412_042_752, source=256, vocabulary=257_216)
_SMOLVLM_2B = partial(
    _SO400M, grid=(27, 27), tower=412_587_648, reader=21_633_264, source=81, decoder_layers=24,
    decoder_width=2048,
)  # fmt: skip
_BASE_512 = partial(
    _reads_images, n_layers=12, n_heads=12, grid=(32, 32), width=768, tower=86_310_912, source=64,
    vocabulary=49_280,
)  # fmt: skip
_SMOLVLM_256M = _BASE_512(
    reader=7_200_000, decoder=134_588_736, decoder_layers=30, decoder_width=192,
    output=28_385_280, idle=28_385_280,
)  # fmt: skip
_SMOLVLM_500M = _BASE_512(
    reader=11_918_592, decoder=361_944_000, decoder_layers=32, decoder_width=320,
    output=47_308_800, idle=47_308_800,
)  # fmt: skip
_QWEN2_5 = partial(
    _reads_images, n_layers=32, n_heads=16, grid=(32, 32), width=1280, tower=631_470_080, source=256
)
_QWEN3 = partial(
    _reads_images, n_layers=24, n_heads=16, grid=(28, 28), width=1024, tower=305_922_048,
    source=196, decoder_width=1024, vocabulary=151_936,
)  # fmt: skip

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
    "openai/clip-vit-base-patch32": _CLIP(
        n_layers=12,
        n_heads=12,
        grid=(7, 7),
        width=768,
        tower=87_456_000,
        reader=393_216,
        idle=63_428_097,
    ),
    "openai/clip-vit-large-patch14": _CLIP(
        n_layers=24,
        n_heads=16,
        grid=(16, 16),
        width=1024,
        tower=303_179_776,
        reader=786_432,
        idle=123_650_305,
    ),
    "llava-hf/llava-1.5-7b-hf": _reads_images(
        n_layers=23,
        n_heads=16,
        width=1024,
        grid=(24, 24),
        class_token=True,
        tower=290_599_936,
        reader=21_291_008,
        decoder=6_607_605_760,
        source=576,
        decoder_layers=32,
        decoder_width=4096,
        vocabulary=32_064,
        output=131_334_144,
        idle=143_930_368,
    ),
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": _ONEVISION(
        reader=2_222_624,
        decoder=494_032_768,
        decoder_layers=24,
        decoder_width=128,
        vocabulary=151_936,
        output=136_134_656,
    ),
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": _ONEVISION(
        reader=17_369_504,
        decoder=7_070_619_136,
        decoder_layers=28,
        decoder_width=512,
        vocabulary=152_064,
        output=544_997_376,
        idle=544_997_376,
    ),
    "HuggingFaceTB/SmolVLM-256M-Instruct": _SMOLVLM_256M,
    "HuggingFaceTB/SmolVLM-500M-Instruct": _SMOLVLM_500M,
    "HuggingFaceTB/SmolVLM-Instruct": _SMOLVLM_2B(
        decoder=1_711_382_528,
        vocabulary=49_155,
        output=100_669_440,
        idle=100_669_440,
    ),
    "HuggingFaceTB/SmolVLM2-256M-Video-Instruct": _SMOLVLM_256M,
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct": _SMOLVLM_500M,
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": _SMOLVLM_2B(
        decoder=1_711_638_528,
        vocabulary=49_280,
        output=100_925_440,
        idle=100_925_440,
    ),
    "HuggingFaceM4/Idefics3-8B-Llama3": _SO400M(
        grid=(26, 26),
        tower=412_526_592,
        reader=19_273_968,
        decoder=7_504_936_960,
        source=169,
        decoder_layers=32,
        decoder_width=1024,
        vocabulary=128_259,
        output=525_348_864,
        idle=525_348_864,
    ),
    "google/paligemma-3b-mix-224": _PALIGEMMA(
        reader=2_760_944,
        decoder=2_508_662_784,
        decoder_layers=18,
        decoder_width=256,
        output=526_778_368,
    ),
    "google/paligemma2-3b-pt-224": _PALIGEMMA(
        reader=3_056_112,
        decoder=2_617_143_552,
        decoder_layers=26,
        decoder_width=1024,
        output=592_625_664,
    ),
    "google/gemma-3-4b-it": _SO400M(
        grid=(64, 64),
        tower=416_466_432,
        reader=3_349_872,
        decoder=3_880_263_168,
        source=256,
        decoder_layers=34,
        decoder_width=1024,
        vocabulary=262_208,
        output=671_252_480,
    ),
    "OpenGVLab/InternVL3-1B-hf": _reads_images(
        n_layers=24,
        n_heads=16,
        width=1024,
        grid=(32, 32),
        class_token=True,
        tower=303_641_600,
        reader=4_853_504,
        decoder=493_798_016,
        source=256,
        decoder_layers=24,
        decoder_width=128,
        vocabulary=151_674,
        output=135_899_904,
        idle=135_899_904,
    ),
    "Qwen/Qwen2.5-VL-3B-Instruct": _QWEN2_5(
        reader=37_214_208,
        decoder=3_085_938_688,
        decoder_layers=36,
        decoder_width=256,
        vocabulary=151_936,
        output=311_164_928,
    ),
    "Qwen/Qwen2.5-VL-7B-Instruct": _QWEN2_5(
        reader=45_080_064,
        decoder=7_070_619_136,
        decoder_layers=28,
        decoder_width=512,
        vocabulary=152_064,
        output=544_997_376,
        idle=544_997_376,
    ),
    "Qwen/Qwen3-VL-2B-Instruct": _QWEN3(
        reader=101_035_008, decoder=1_720_574_976, decoder_layers=28, output=311_164_928
    ),
    "Qwen/Qwen3-VL-4B-Instruct": _QWEN3(
        reader=109_425_664, decoder=4_022_468_096, decoder_layers=36, output=388_956_160
    ),
}
"""Models whose dimensions are known without a file, from their published configurations."""


def published_size(config: ModelConfig) -> ModelSize | None:
    """The dimensions of a published checkpoint on the pictures of a configuration."""
    size = PUBLISHED.get(config.path)
    return size and size.cut(config.tiles)
