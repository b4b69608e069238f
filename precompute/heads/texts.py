"""Which texts explain what each head of a CLIP adds to its CLS token: TextSpan.

After Gandelsman, Efros, Steinhardt, "Interpreting CLIP's image representation via text-based
decomposition" (ICLR 2024). What a head gives to CLS (Eq. 3 summed) is taken to the space of texts,
the final norm's length held fixed; over many images the texts are found along which it varies most.
Of a few thousand directions some fit by chance: lists of random directions, as many, are held
beside them and chosen from in the same way.

No image's vectors are kept. A head's outputs lie in the few dimensions that its W_O^h leaves them,
and its mean and covariance there say all.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from precompute.config import Config, HeadTextsConfig
from precompute.forward import BatchSize, fitting, run_layers
from precompute.images import ImageItem, readable
from precompute.models import Captioner, HasTexts, TextSpace, VisionTower, size_of
from precompute.runner import (
    Advance,
    Job,
    Plan,
    Row,
    capture_of,
    make_parts,
    open_stage,
    stage_names,
)
from store.parts import PartWriter
from store.schema import BASELINE

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""

_PART = "all"
"""One part: a covariance is of all images, and a pass over a thousand takes a minute."""


def require_text_space(plan: Plan) -> None:
    """Refuse what would only fail when everything else is made.

    Raises:
        ValueError: heads are to be explained in texts, and the model pools patches.
    """
    size = size_of(plan.config.model)
    if plan.config.head_texts and size is not None and not size.class_token:
        raise ValueError(
            "[head_texts] needs a CLIP with a class token; this model pools its patches by "
            "attention and an MLP, through which what heads give does not add up. Leave it out."
        )


def explain_heads(job: Job) -> None:
    """Make what is missing of stage `head_texts`, if the configuration has one.

    Raises:
        StoreError: the capture is not complete.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    config = plan.config.head_texts
    if config is None:
        return
    capture = capture_of(job)
    settings = {"version": VERSION, "capture": capture.stage, **config.model_dump()}
    stage = open_stage(job.run, stage_names.HEAD_TEXTS, settings)
    items = draw([item for shard in plan.shards.values() for item in shard], config)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_head_texts(part, captioner(), items, plan.config, advance)

    make_parts(job.maker, job.run, stage, {_PART: len(items)}, make)


def draw(items: Sequence[ImageItem], config: HeadTextsConfig) -> list[ImageItem]:
    """The images that heads are explained over, in their order."""
    ids = sorted(item.image_id for item in items)
    drawn = set(random.Random(config.seed).sample(ids, min(config.n, len(ids))))
    return [item for item in items if item.image_id in drawn]


def write_head_texts(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    config: Config,
    advance: Advance,
) -> None:
    """Explain every head over some images: table `head_text`.

    Args:
        part: where it is written.
        captioner: a CLIP.
        items: the images; those that do not open are skipped.
        config: the template, how many images go together, how many texts and controls.
        advance: called with the number of images done, after every batch.
    """
    settings = config.head_texts
    assert settings is not None and isinstance(captioner, HasTexts)
    tower, space = captioner.tower, captioner.text_space()
    moments = Moments.none(tower, space)

    def add(batch: list[tuple[ImageItem, Image.Image]]) -> None:
        moments.add(tower, space, captioner.pixels([picture for _, picture in batch]))

    size = BatchSize(config.capture.batch_size, "capture.batch_size")
    for batch, _ in fitting(readable(items), size, add):
        advance(len(batch))
    part.meta["batches"] = size.used
    embeddings = captioner.text_embeddings(config.decode.prompt).double().cpu()
    rows = head_rows(tower, space, moments, embeddings, captioner.texts, settings)
    part.table("head_text", rows)
    part.meta["images"] = moments.n


@dataclass
class Moments:
    """Sums over images of what heads give to CLS, and of image embeddings; float64, on the CPU.

    Attributes:
        n: images.
        first: sums of what each head gives over the norm's length, in the basis of its W_O^h.
        second: sums of its products with itself.
        embedding: sum of image embeddings.
        square: sum of their squared lengths.
    """

    n: int
    first: Float[Tensor, "layer head head_width"]
    second: Float[Tensor, "layer head head_width head_width"]
    embedding: Float[Tensor, " embedding"]
    square: float

    @classmethod
    def none(cls, tower: VisionTower, space: TextSpace) -> "Moments":
        """Of no image."""
        shape = tower.n_layers, tower.n_heads, tower.width // tower.n_heads
        first = torch.zeros(*shape, dtype=torch.float64)
        second = torch.zeros(*shape, shape[-1], dtype=torch.float64)
        return cls(0, first, second, torch.zeros(space.matrix.shape[1], dtype=torch.float64), 0.0)

    @torch.inference_mode()
    def add(
        self, tower: VisionTower, space: TextSpace, pixels: Float[Tensor, "batch 3 y x"]
    ) -> None:
        """A pass over a batch; nothing is added before all of it has gone well."""
        given, final = [], torch.empty(0)
        for record, basis in zip(run_layers(tower, tower.embed(pixels)), bases(tower), strict=True):
            given.append(torch.einsum("bhd,hde->bhe", record.head_out.float(), basis))
            final = record.resid_post[:, 0].float()
        scale = space.scale(final)
        u = (torch.stack(given, 1) / scale[..., None, None]).double().cpu()
        e = (final / scale @ space.matrix + space.offset).double().cpu()
        self.n += len(u)
        self.first += u.sum(0)
        self.second += torch.einsum("blhe,blhf->lhef", u, u)
        self.embedding += e.sum(0)
        self.square += float(e.square().sum())

    def covariance(self) -> Float[Tensor, "layer head head_width head_width"]:
        """Of what every head gives, over images."""
        mean = self.first / self.n
        return self.second / self.n - mean[..., None] * mean[..., None, :]

    def spread(self) -> float:
        """The variance of image embeddings, over all their numbers."""
        return self.square / self.n - float((self.embedding / self.n).square().sum())


def bases(tower: VisionTower) -> Iterator[Float[Tensor, "head width head_width"]]:
    """Of every layer, an orthonormal basis of what each W_O^h can give."""
    for block in tower.blocks:
        yield torch.linalg.qr(block.w_o.float().transpose(1, 2)).Q


def head_rows(
    tower: VisionTower,
    space: TextSpace,
    moments: Moments,
    embeddings: Float[Tensor, "text embedding"],
    texts: Sequence[str],
    config: HeadTextsConfig,
) -> list[Row]:
    """Rows of `head_text`: of every head its texts, the best first, beside the controls."""
    controls = [random_directions(embeddings, config.seed + k) for k in range(config.controls)]
    covariance, spread = moments.covariance(), moments.spread()
    rows: list[Row] = []
    for layer, basis in enumerate(bases(tower), 1):
        for head in range(tower.n_heads):
            # u @ through is what the head gives to the embedding; rotated, it has few numbers.
            through = (basis[head].T @ space.matrix).double().cpu()
            left, singular, right = torch.linalg.svd(through, full_matrices=False)
            rotated = left * singular
            of_head = rotated.T @ covariance[layer - 1, head] @ rotated
            chosen, explained = text_span(of_head, embeddings @ right.T, config.texts)
            by_chance = torch.tensor(
                [text_span(of_head, c @ right.T, config.texts)[1] for c in controls]
            )
            rows += [
                {
                    "condition_id": BASELINE,
                    "layer": layer,
                    "head": head,
                    "rank": rank,
                    "text": texts[at],
                    "explained": explained[rank - 1],
                    "control": float(by_chance[:, rank - 1].mean()),
                    "control_high": float(by_chance[:, rank - 1].max()),
                    "spread": float(of_head.trace()) / spread,
                    "n": moments.n,
                }
                for rank, at in enumerate(chosen, 1)
            ]
    return rows


def random_directions(
    like: Float[Tensor, "text embedding"], seed: int
) -> Float[Tensor, "text embedding"]:
    """As many unit vectors as there are texts, in directions drawn evenly."""
    drawn = torch.randn(like.shape, dtype=like.dtype, generator=torch.Generator().manual_seed(seed))
    return normalize(drawn, dim=1)


def text_span(
    covariance: Float[Tensor, "width width"], directions: Float[Tensor, "text width"], n: int
) -> tuple[list[int], list[float]]:
    """The directions along which something varies most, one after the other (Algorithm 1).

    At each step that along which the variance is largest; it is then projected out of what varies
    and of all directions. Directions that lie mostly in what is chosen are short by then, and so
    not chosen for what little is left of them.

    Args:
        covariance: of what varies.
        directions: candidates; their lengths count.
        n: how many; no more than there are dimensions or candidates.

    Returns:
        The chosen, and of each the share of the variance, in [0, 1], that it and those before it
        explain. Nothing where nothing varies.
    """
    total = float(covariance.trace())
    if not total > 0:
        return [], []
    chosen, explained = list[int](), list[float]()
    for _ in range(min(n, *directions.shape)):
        along = ((directions @ covariance) * directions).sum(1)
        at = int(along.argmax())
        unit = directions[at] / directions[at].norm()
        directions = directions - (directions @ unit)[:, None] * unit
        off = torch.eye(len(unit), dtype=unit.dtype) - unit[:, None] * unit
        covariance = off @ covariance @ off
        chosen.append(at)
        explained.append(min(1.0, max(0.0, 1 - float(covariance.trace()) / total)))
    return chosen, explained
