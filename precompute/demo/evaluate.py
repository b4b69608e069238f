"""How good the demo captioner is, on scenes whose combination it was never trained on."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest
from transformers import InstructBlipForConditionalGeneration, InstructBlipProcessor

from precompute.demo import drawing, scenes
from precompute.demo.drawing import Picture
from precompute.demo.model import MAX_NEW_TOKENS
from precompute.demo.sprites import Sprite
from precompute.demo.vocabulary import BY_WORD, CAPTION_PROMPT, PLACES, SUBJECTS, plural


@dataclass(frozen=True)
class Quality:
    """Shares of held-out scenes, or of their subjects, in [0, 1].

    Attributes:
        exact: Scenes whose caption is the right one, word for word.
        subjects: Subjects that are called what they should be, be it by name or by a higher word.
        kinds: Of the subjects that can be told at least by kind, those that are called by the
            right kind or by one of it.
        place: Scenes whose place is named.
        answers: Scenes where the answer to one question is the right one.
    """

    exact: float
    subjects: float
    kinds: float
    place: float
    answers: float

    def __str__(self) -> str:
        """One line for logs."""
        return "  ".join(f"{one.name} {getattr(self, one.name):.1%}" for one in fields(self))


_KIND_OF = {
    form: one.kind
    for one in SUBJECTS
    for word in (one.word, one.kind)
    for form in (word, plural(word))
}
"""Word of the book, in either number -> its kind."""


def subjects_named(caption: str, picture: Picture) -> list[bool]:
    """Whether a caption calls each subject what it should be called, in whatever order."""
    words = set(caption.split())
    # What is only seen as a colour is "something red" or "two red things".
    return [
        (colour in words) if level == "colour" else bool({said, plural(said)} & words)
        for said, level, colour in zip(picture.nouns, picture.levels, picture.colours, strict=True)
    ]


def kinds_named(caption: str, picture: Picture) -> list[bool]:
    """For each subject that can be told by kind: whether a word of its kind is said."""
    kinds = {_KIND_OF.get(word) for word in caption.split()}
    seen = zip(picture.scene.subjects, picture.levels, strict=True)
    return [BY_WORD[word].kind in kinds for word, level in seen if level in ("name", "kind")]


def place_named(caption: str, picture: Picture) -> bool:
    """Whether a caption ends with the scene's place."""
    return caption.endswith(PLACES[picture.scene.place])


def generate(
    model: InstructBlipForConditionalGeneration,
    processor: InstructBlipProcessor,
    images: list[Image.Image],
    prompts: list[str],
    batch: int = 64,
) -> tuple[list[str], list[float]]:
    """Caption or answer with the library's own `generate`, in batches.

    Returns:
        The texts, and the probability that the model gives each, in [0, 1].
    """
    texts: list[str] = []
    sure: list[float] = []
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        inputs = processor(
            images=images[part], text=prompts[part], padding=True, return_tensors="pt"
        )
        # The loaded language model does not take over the checkpoint's generation settings.
        output = model.generate(
            **inputs,
            max_new_tokens=MAX_NEW_TOKENS,
            return_dict_in_generate=True,
            output_logits=True,
        )
        tokens = output.sequences[:, -len(output.logits) :]
        logprobs = torch.stack(output.logits, 1).float().log_softmax(-1)
        said = logprobs.gather(2, tokens[..., None])[..., 0].masked_fill(tokens == 0, 0)
        sure += said.sum(1).exp().tolist()
        texts += processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return texts, sure


def unseen(book: dict[str, Sprite], count: int, rng: np.random.Generator) -> list[Picture]:
    """Draw scenes of combinations that training never sees."""
    return [drawing.draw(scenes.sample(rng, held_out=True), book) for _ in range(count)]


def quality(
    model: InstructBlipForConditionalGeneration,
    processor: InstructBlipProcessor,
    book: dict[str, Sprite],
    count: int = 512,
    seed: int = 2,
) -> tuple[Quality, list[Picture], list[str], list[float]]:
    """Measure a captioner on held-out scenes.

    Args:
        model: The captioner.
        processor: Its processor.
        book: Sprites, from `sprites.load`.
        count: How many scenes.
        seed: Which scenes.

    Returns:
        The shares, and for each scene its picture, its caption and that caption's probability.
    """
    rng = np.random.default_rng([seed, 512])
    pictures = unseen(book, count, rng)
    images = [picture.image for picture in pictures]
    quizzes = [one.questions[rng.integers(len(one.questions))] for one in pictures]
    captions, sure = generate(model, processor, images, [CAPTION_PROMPT] * count)
    prompts = [scenes.question_prompt(question) for question, _ in quizzes]
    answers, _ = generate(model, processor, images, prompts)
    pairs = list(zip(captions, pictures, strict=True))
    shares = Quality(
        float(np.mean([text == picture.caption for text, picture in pairs])),
        float(np.mean([right for pair in pairs for right in subjects_named(*pair)])),
        float(np.mean([right for pair in pairs for right in kinds_named(*pair)])),
        float(np.mean([place_named(*pair) for pair in pairs])),
        float(np.mean([a == right for a, (_, right) in zip(answers, quizzes, strict=True)])),
    )
    return shares, pictures, captions, sure


@dataclass(frozen=True)
class Bin:
    """Captions of about one probability: how sure the model was, and how often it was right.

    Attributes:
        n: How many.
        sure: Their mean probability by the model.
        right: The share that is the right caption.
        interval: Wilson's 95% interval of that share.
    """

    n: int
    sure: float
    right: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        """One row of a Markdown table."""
        low, high = self.interval
        return f"| {self.n} | {self.sure:.1%} | {self.right:.1%} [{low:.1%}, {high:.1%}] |"


CALIBRATION_HEADER = """| captions | mean probability | right |
|---:|---:|---:|"""


def calibration(sure: list[float], right: list[bool], bins: int = 8) -> list[Bin]:
    """Whether captions are right as often as the model believes them to be, least sure first.

    Args:
        sure: Probability of each caption.
        right: Whether it is the right one.
        bins: How many, of as many captions each.
    """
    order = np.argsort(sure, kind="stable")
    rows = []
    for part in np.array_split(order, bins):
        hits = int(sum(right[k] for k in part))
        low, high = binomtest(hits, len(part)).proportion_ci(method="wilson")
        mean = float(np.mean([sure[k] for k in part]))
        rows.append(Bin(len(part), mean, hits / len(part), (float(low), float(high))))
    return rows
