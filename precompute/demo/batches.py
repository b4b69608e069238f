"""Training batches: scenes drawn on the fly, with their words and their patch labels."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, InstructBlipProcessor

from precompute.demo import drawing, scenes
from precompute.demo.drawing import Picture
from precompute.demo.model import IMAGE_SIDE, PATCH
from precompute.demo.sprites import Sprite
from precompute.demo.vocabulary import CAPTION_PROMPT, NAMES, PLACES

GRID = IMAGE_SIDE // PATCH
LABELS = (*dict.fromkeys((*NAMES, "thing")), *PLACES, *scenes.LAYOUTS)
"""What the readouts of the last state tell apart: nouns, places and layouts."""

_INDEX = {label: k for k, label in enumerate(LABELS)}


@dataclass(frozen=True)
class Batch:
    """What one training step sees.

    Attributes:
        pixels: Images as the processor gives them.
        present: 1 for what every subject can be called, the place and the layout (multi-hot).
        patches: What covers a patch, as far as it can be told, or, where nothing does, the place.
        captions: The caption prompt and the caption, tokenized.
        asked: Rows of `pixels` that get a question too.
        answers: Questions and answers of those rows, tokenized.
    """

    pixels: Float[Tensor, "batch 3 height width"]
    present: Float[Tensor, "batch labels"]
    patches: Int[Tensor, "batch patches"]
    captions: BatchFeature
    asked: Int[Tensor, " asked"]
    answers: BatchFeature


def tokenize(
    processor: InstructBlipProcessor, prompts: list[str], targets: list[str]
) -> BatchFeature:
    """Tokenize prompts for Q-Former and T5, and what T5 shall answer (padding is -100)."""
    features: BatchFeature = processor(text=prompts, padding=True, return_tensors="pt")
    # The processor prepends image tokens only when it is given images; here they come apart.
    ids, mask = features["input_ids"], features["attention_mask"]
    image = processor.tokenizer.convert_tokens_to_ids(processor.image_token.content)
    queries = torch.full((len(prompts), processor.num_query_tokens), image)
    features["input_ids"] = torch.cat([queries, ids], 1)
    features["attention_mask"] = torch.cat([torch.ones_like(queries), mask], 1)
    labels = processor.tokenizer(targets, padding=True, return_tensors="pt")["input_ids"]
    features["labels"] = labels.masked_fill(labels == 0, -100)
    return features


def patch_labels(picture: Picture) -> list[int]:
    """Label each patch by what covers a third of it, as far as that can be told, else by place."""
    labels = np.full((GRID, GRID), _INDEX[picture.scene.place])
    for k, mask in enumerate(picture.masks):
        cover = np.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX))
        labels[cover > 85] = _INDEX[picture.nouns[k % len(picture.nouns)]]
    return [int(label) for label in labels.ravel()]


def draw_batch(
    size: int,
    sprites: dict[str, Sprite],
    processor: InstructBlipProcessor,
    rng: np.random.Generator,
) -> Batch:
    """Draw a batch of scenes that training may see; every second one is asked a question."""
    book = [drawing.draw(scenes.sample(rng), sprites) for _ in range(size)]
    pixels = processor.image_processor([picture.image for picture in book], return_tensors="pt")
    present = torch.zeros(size, len(LABELS))
    for row, picture in enumerate(book):
        # Without the layout, "above" and "next to" stay confused for a thousand steps and more:
        # the order of two subjects can be inferred without knowing how they stand.
        for label in (*picture.nouns, picture.scene.place, picture.scene.layout):
            present[row, _INDEX[label]] = 1
    asked = list(range(0, size, 2))
    quizzes = [book[row].questions[rng.integers(len(book[row].questions))] for row in asked]
    return Batch(
        pixels["pixel_values"],
        present,
        torch.tensor([patch_labels(picture) for picture in book]),
        tokenize(processor, [CAPTION_PROMPT] * size, [picture.caption for picture in book]),
        torch.tensor(asked),
        tokenize(
            processor, [scenes.question_prompt(q) for q, _ in quizzes], [a for _, a in quizzes]
        ),
    )
