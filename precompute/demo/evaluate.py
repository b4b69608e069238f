"""How good the demo captioner is, on scenes whose combination it was never trained on."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from transformers import InstructBlipForConditionalGeneration, InstructBlipProcessor

from precompute.demo import scenes
from precompute.demo.model import MAX_NEW_TOKENS
from precompute.demo.scenes import Scene
from precompute.demo.vocabulary import CAPTION_PROMPT, PLACES


@dataclass(frozen=True)
class Quality:
    """Shares of held-out scenes, in [0, 1].

    Attributes:
        exact: The caption is the right one, word for word.
        subjects: Every subject of the scene is named.
        place: The right place is named.
        answers: The answer to a question about the scene is the right one.
    """

    exact: float
    subjects: float
    place: float
    answers: float

    def __str__(self) -> str:
        """One line for logs."""
        return (
            f"exact {self.exact:.1%}  every subject {self.subjects:.1%}  "
            f"place {self.place:.1%}  answers {self.answers:.1%}"
        )


def names_subjects(caption: str, scene: Scene) -> bool:
    """Whether a caption names every subject of the scene."""
    return set(scene.subjects) <= set(caption.split())


def names_place(caption: str, scene: Scene) -> bool:
    """Whether a caption ends with the scene's place."""
    return caption.endswith(PLACES[scene.place])


def generate(
    model: InstructBlipForConditionalGeneration,
    processor: InstructBlipProcessor,
    images: list[Image.Image],
    prompts: list[str],
    batch: int = 64,
) -> list[str]:
    """Caption or answer with the library's own `generate`, in batches."""
    texts: list[str] = []
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        inputs = processor(
            images=images[part], text=prompts[part], padding=True, return_tensors="pt"
        )
        # The loaded language model does not take over the checkpoint's generation settings.
        tokens = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS)
        texts += processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return texts


def unseen(
    book: dict[str, Image.Image], count: int, rng: np.random.Generator
) -> tuple[list[scenes.Scene], list[Image.Image]]:
    """Draw scenes of combinations that training never sees."""
    held_out = [scenes.sample(rng, held_out=True) for _ in range(count)]
    return held_out, [scenes.draw(scene, book) for scene in held_out]


def quality(
    model: InstructBlipForConditionalGeneration,
    processor: InstructBlipProcessor,
    book: dict[str, Image.Image],
    count: int = 512,
    seed: int = 2,
) -> Quality:
    """Measure a captioner on held-out scenes.

    Args:
        model: The captioner.
        processor: Its processor.
        book: Sprites, from `sprites.load`.
        count: How many scenes.
        seed: Which scenes.
    """
    rng = np.random.default_rng([seed, 512])
    held_out, images = unseen(book, count, rng)
    quizzes = [scenes.questions(scene)[rng.integers(4)] for scene in held_out]
    captions = generate(model, processor, images, [CAPTION_PROMPT] * count)
    prompts = [scenes.question_prompt(question) for question, _ in quizzes]
    answers = generate(model, processor, images, prompts)
    pairs = list(zip(captions, held_out, strict=True))
    return Quality(
        float(np.mean([text == scenes.caption(scene) for text, scene in pairs])),
        float(np.mean([names_subjects(text, scene) for text, scene in pairs])),
        float(np.mean([names_place(text, scene) for text, scene in pairs])),
        float(np.mean([a == right for a, (_, right) in zip(answers, quizzes, strict=True)])),
    )
