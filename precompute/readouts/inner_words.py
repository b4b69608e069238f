"""Which words the language model reads in an image's own tokens, block by block.

For models with a decoder-only language model, which take an image as tokens among others, and for
a few chosen images: a word a patch, to be laid over the picture. It is the model's own head on a
stream that it was not made for; a word that is read says that it can be read there, a word that is
not says little.
"""

from collections.abc import Sequence

import torch
from PIL import Image

from precompute.config import InnerWordsConfig
from precompute.images import ImageItem, readable
from precompute.models import Captioner, HasInnerWords
from precompute.readouts.questions import fitted_states
from precompute.readouts.token_attention import chosen
from precompute.runner import Advance, Job, Row, make_parts, open_stage, stage_names
from store.parts import PartWriter

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""


def read_inner_words(job: Job) -> None:
    """Make what is missing of stage `inner_words`, if the configuration asks for it.

    Raises:
        ValueError: the model has no decoder-only language model, or not one of the blocks.
        Stopped: Ctrl-C.
    """
    plan, config = job.plan, job.plan.config.inner_words
    if config is None:
        return
    ids = chosen(config.images, plan.items)
    shards = plan.shards_of(ids)
    if not shards:
        return
    settings = {"version": VERSION, **config.model_dump(mode="json"), "images": sorted(ids)}
    stage = open_stage(job.run, stage_names.INNER_WORDS, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        prompt = plan.config.decode.prompt
        write_inner_words(part, job.captioner(), shards[name], config, prompt, advance)

    sizes = {name: len(items) for name, items in shards.items()}
    make_parts(job.maker, job.run, stage, sizes, make)


def write_inner_words(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    config: InnerWordsConfig,
    prompt: str,
    advance: Advance,
) -> None:
    """Write one shard's chosen images: table `inner_word`; one that cannot be opened is skipped.

    Raises:
        ValueError: the model has no decoder-only language model, or not one of the blocks.
    """
    if not isinstance(captioner, HasInnerWords):
        raise ValueError(
            "[inner_words] is of models that read an image as tokens of a decoder-only language "
            'model (docs/running.md, "Models"); this one does not. Take the section out.'
        )
    blocks = _blocks(captioner, config)
    rows: list[Row] = []
    # One at a time: the scores of all words for all tokens of an image are hundreds of megabytes.
    for item, picture in readable(items):
        rows += inner_words(captioner, item.image_id, picture, blocks, config.top, prompt)
        advance(1)
    part.table("inner_word", rows)


@torch.inference_mode()
def inner_words(
    captioner: HasInnerWords,
    image_id: str,
    picture: Image.Image,
    blocks: Sequence[int],
    top: int,
    prompt: str,
) -> list[Row]:
    """Rows of `inner_word` of one picture.

    Args:
        captioner: the model.
        image_id: the picture's.
        picture: read as the last layer of the tower has it.
        blocks: after which blocks of the language model, 0 being its input.
        top: how many words of each token.
        prompt: after the picture; it is seen from there in models that attend both ways.
    """
    here, states = fitted_states(captioner, [picture])
    assert isinstance(here, HasInnerWords)
    chances, ids = here.inner_words(here.read(states[-1], prompt), blocks, top)
    rows, columns = here.token_grid
    # What follows the patches, as the token that ends an image in LLaVA-OneVision, lies nowhere.
    at = [(row, column) for row in range(rows) for column in range(columns)]
    return [
        {
            "image_id": image_id,
            "block": block,
            "grid_row": row,
            "grid_column": column,
            "rank": rank,
            "word": captioner.text([word]),
            "probability": chance,
        }
        for block, of_block, words in zip(blocks, chances[0].tolist(), ids[0].tolist(), strict=True)
        for (row, column), best, said in zip(at, of_block, words, strict=False)
        for rank, (chance, word) in enumerate(zip(best, said, strict=True), 1)
    ]


def _blocks(captioner: HasInnerWords, config: InnerWordsConfig) -> Sequence[int]:
    n_blocks = captioner.n_language_blocks
    named = sorted(set(config.blocks or range(n_blocks + 1)))
    if not 0 <= named[0] <= named[-1] <= n_blocks:
        raise ValueError(
            f"blocks under [inner_words] must be in 0..{n_blocks} for this language model, 0 being "
            f"its input; got {', '.join(map(str, named))}."
        )
    return named
