"""Training batches: scenes drawn on the fly, with their words and their patch labels."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, InstructBlipProcessor

from precompute.demo import scenes
from precompute.demo.model import IMAGE_SIDE, PATCH
from precompute.demo.scenes import Scene
from precompute.demo.vocabulary import CAPTION_PROMPT, PLACES, SUBJECTS

GRID = IMAGE_SIDE // PATCH
_SUBJECT_INDEX = {subject.word: k for k, subject in enumerate(SUBJECTS)}
_PLACE_INDEX = {place: k for k, place in enumerate(PLACES)}
N_LABELS = len(SUBJECTS) + len(PLACES) + len(scenes.LAYOUTS)


@dataclass(frozen=True)
class Batch:
    """What one training step sees.

    Attributes:
        pixels: Images as the processor gives them.
        present: 1 for every subject in the picture, its place and its layout (multi-hot).
        patches: Which subject covers a patch, or, where none does, which place.
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


def patch_labels(scene: Scene, masks: list[Image.Image]) -> list[int]:
    """Label each patch by the subject that covers a third of it, else by the place."""
    labels = np.full((GRID, GRID), len(SUBJECTS) + _PLACE_INDEX[scene.place])
    for word, mask in zip(scene.subjects, masks, strict=True):
        cover = np.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX))
        labels[cover > 85] = _SUBJECT_INDEX[word]
    return [int(label) for label in labels.ravel()]


def draw_batch(
    size: int,
    sprites: dict[str, Image.Image],
    processor: InstructBlipProcessor,
    rng: np.random.Generator,
) -> Batch:
    """Draw a batch of scenes that training may see; every second one is asked a question."""
    book = [scenes.sample(rng) for _ in range(size)]
    drawn = [scenes.compose(scene, sprites) for scene in book]
    pixels = processor.image_processor([image for image, _ in drawn], return_tensors="pt")
    present = torch.zeros(size, N_LABELS)
    for row, scene in enumerate(book):
        for word in scene.subjects:
            present[row, _SUBJECT_INDEX[word]] = 1
        present[row, len(SUBJECTS) + _PLACE_INDEX[scene.place]] = 1
        # Without this, "above" and "next to" stay confused for a thousand steps and more:
        # the order of two subjects can be inferred without knowing how they stand.
        present[row, len(SUBJECTS) + len(PLACES) + scenes.LAYOUTS.index(scene.layout)] = 1
    labels = [patch_labels(scene, masks) for scene, (_, masks) in zip(book, drawn, strict=True)]
    asked = list(range(0, size, 2))
    quizzes = [scenes.questions(book[row])[rng.integers(4)] for row in asked]
    return Batch(
        pixels["pixel_values"],
        present,
        torch.tensor(labels),
        tokenize(processor, [CAPTION_PROMPT] * size, [scenes.caption(s) for s in book]),
        torch.tensor(asked),
        tokenize(
            processor, [scenes.question_prompt(q) for q, _ in quizzes], [a for _, a in quizzes]
        ),
    )
