"""Ask every layer the questions of the data set: detail that a caption need not mention.

The question is the instruction: the Q-Former reads it, too, and may look elsewhere for it. States
are not stored, so the tower is run again on the pictures that have questions.
"""

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from precompute.config import (
    QUESTIONS_LAYERS,
    Config,
    Generation,
    QuestionsConfig,
    require_layers,
)
from precompute.forward import BatchSize, fitting, run_states
from precompute.images import ImageItem, readable
from precompute.models import Captioner, all_as_read, fitted, layout_key
from precompute.runner import Advance, Job, Row, make_parts, open_stage, stage_names
from store.parts import PartWriter
from store.schema import BASELINE
from store.text import normalise

VERSION = 1
"""Of what an answer part holds and how it is computed; part of the stage's identity."""

States = Sequence[Float[Tensor, "batch token parts"]]

_ARTICLES = {"a", "an", "the"}


def accuracy(answer: str, expected: str) -> float:
    """1 if the words are the same but for case, punctuation and articles, else 0.

    An empty answer is a wrong one.

    >>> accuracy("A kite.", "kite"), accuracy("a house", "a kite"), accuracy("", "a kite")
    (1.0, 0.0, 0.0)
    """
    given, right = (
        [word for word in normalise(text).split() if word not in _ARTICLES]
        for text in (answer, expected)
    )
    return float(given == right)


def questions_settings(config: QuestionsConfig) -> dict[str, object]:
    """What identifies the stage beside the run itself, whose data set has the questions."""
    return {"version": VERSION, **config.model_dump(mode="json")}


def asked_layers(config: QuestionsConfig, n_layers: int) -> Sequence[int]:
    """The states that are asked, ascending; all, if the configuration names none.

    Raises:
        ValueError: the tower does not have one of them.
    """
    if config.layers is None:
        return range(n_layers + 1)
    return require_layers(config.layers, 0, n_layers, QUESTIONS_LAYERS)


def ask_questions(job: Job) -> None:
    """Ask the layers the data set's questions, if it has any and the configuration wants them.

    Raises:
        ValueError: a layer that the tower does not have.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    asked = {name: items for name, items in plan.shards.items() if any(i.questions for i in items)}
    if plan.config.questions is None or not asked:
        return
    settings = questions_settings(plan.config.questions)
    stage = open_stage(job.run, stage_names.QUESTIONS, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_answers(part, captioner(), asked[name], plan.config, advance)

    sizes = {name: len(items) for name, items in asked.items()}
    make_parts(job.maker, job.run, stage, sizes, make)


def write_answers(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    config: Config,
    advance: Advance,
) -> None:
    """Ask one shard of images: table `answer`.

    Args:
        part: where the shard is written.
        captioner: the model.
        items: the shard's images; those without questions, or that cannot be read, are skipped.
        config: template, layers, batch sizes.
        advance: called with the number of images done, after every batch.
    """
    assert config.questions is not None
    layers = asked_layers(config.questions, captioner.tower.n_layers)
    of_tower = BatchSize(config.capture.batch_size, "capture.batch_size")
    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    rows: list[Row] = []

    def see(opened: list[tuple[ImageItem, Image.Image]]) -> tuple[Captioner, States]:
        return fitted_states(captioner, [picture for _, picture in opened])

    alike = layout_key(captioner)

    part.meta["batches"] = []
    for start in range(0, len(items), config.capture.batch_size):
        batch = items[start : start + config.capture.batch_size]
        # What cannot be read, the capture recorded.
        pictures = readable(i for i in batch if i.questions)
        for opened, (here, states) in fitting(pictures, of_tower, see, alike):
            asked = [item for item, _ in opened]
            rows += ask(here, asked, states, layers, config, of_decoder)
            part.meta["batches"].append([item.image_id for item in asked])
        advance(len(batch))
    part.meta["decoder_batches"] = of_decoder.used
    part.table("answer", rows)


@torch.inference_mode()
def fitted_states(
    captioner: Captioner, pictures: Sequence[Image.Image]
) -> tuple[Captioner, States]:
    """The captioner for a batch of pictures of one layout, and Z^0..Z^L as it reads them."""
    pixels = captioner.pixels(pictures)
    here = fitted(captioner, pixels)
    embedded = here.tower.embed(pixels)
    return here, all_as_read(here, [embedded, *run_states(here.tower, embedded)])


def tower_states(captioner: Captioner, pictures: Sequence[Image.Image]) -> States:
    """Z^0..Z^L of a batch of pictures of one layout, as the captioner reads them."""
    return fitted_states(captioner, pictures)[1]


@torch.inference_mode()
def ask(
    captioner: Captioner,
    items: Sequence[ImageItem],
    states: States,
    layers: Sequence[int],
    config: Config,
    size: BatchSize | None = None,
) -> list[Row]:
    """The answers of chosen layers to the questions about a batch of images.

    A prompt serves a whole batch, so states are grouped by question: all layers of all images that
    share it. The order of images and questions decides the batches, nothing else does.

    Args:
        captioner: the model.
        items: the images.
        states: Z^0..Z^L of them.
        layers: which of the states are asked.
        config: template, generation, and how many states a batch holds.
        size: instead of the configuration's batch size; halved where memory runs out.
    """
    assert config.questions is not None
    expected: dict[str, dict[int, str]] = {}
    for i, item in enumerate(items):
        for question, answer in item.questions:
            expected.setdefault(question, {}).setdefault(i, answer)  # asked twice: the first counts
    size = size or BatchSize(config.decode.batch_size, "decode.batch_size")
    rows: list[Row] = []
    for question, answer_of in expected.items():
        prompt = config.questions.template.replace("{question}", question)
        places = [(layer, i) for layer in layers for i in answer_of]
        decode = functools.partial(_answer, captioner, states, prompt, config.questions.generation)
        for some, answers in fitting(places, size, decode):
            for (layer, i), ids in zip(some, answers, strict=True):
                text = captioner.text(ids)
                rows.append(
                    {
                        "condition_id": BASELINE,
                        "image_id": items[i].image_id,
                        "layer": layer,
                        "question": question,
                        "text": text,
                        "expected": answer_of[i],
                        "score": accuracy(text, answer_of[i]),
                    }
                )
    return rows


def _answer(
    captioner: Captioner,
    states: States,
    prompt: str,
    generation: Generation,
    places: list[tuple[int, int]],
) -> list[list[int]]:
    """Token ids of the answers of states, each at (layer, image)."""
    memory = captioner.read(torch.stack([states[at][i] for at, i in places]), prompt)
    return captioner.generate(memory, generation)
