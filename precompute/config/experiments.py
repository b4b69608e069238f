"""The sections of a configuration that try something: experiments, heads, their effect, pruning."""

from typing import Literal, Self

from pydantic import Field, model_validator

from precompute.config.section import ExperimentName, Section, Seed


class ExperimentConfig(Section):
    """A set of conditions, computed for every image of every data set.

    Attributes:
        name: of the experiment; its results are the stage `sweep.<name>`.
        conditions: ids and what stands for several, `precompute.interventions.parse` says how.
        all_layers: whether every state is decoded, not only the last.
        capture: whether statistics and arrays are kept as of the baseline.
        mean_of: whose mean is used: a data set of this configuration or a run in the folder of
            results; empty for that of the images themselves.
        mean_images: of how many images, drawn with `seed`; all if there are fewer.
        seed: of the draw.
        state: whether it is the mean of an edited block's input or of its output.
        pool: a mean for every token position, or one over all tokens as well; or no mean: what
            another of the images, drawn with `seed`, has in its place (`resample`).
    """

    name: ExperimentName
    conditions: tuple[str, ...] = Field(min_length=1)
    all_layers: bool = False
    capture: bool = False
    mean_of: str = ""
    mean_images: int = Field(default=500, ge=1)
    seed: Seed = 0
    state: Literal["input", "output"] = "input"
    pool: Literal["position", "token", "resample"] = "position"


class HeadsConfig(Section):
    """Which heads' own captions are decoded.

    Attributes:
        layers: all heads of these layers, 1..L.
    """

    layers: tuple[int, ...] = Field(min_length=1)


class HeadEffectConfig(Section):
    """How the effect of every head on an image's final caption is measured.

    Attributes:
        batch_size: images whose activations are in memory together for the backward pass.
        m: images, drawn with `seed`, whose gradients decide which heads are removed; of few images
            a third. They are removed from all the other images.
        exact_top: how many heads, by the size of their mean gradient, are removed one at a time.
        exact_random: how many of the others, drawn with `seed`.
        seed: of the draws.
    """

    batch_size: int = Field(default=4, ge=1)
    m: int = Field(default=32, ge=1)
    exact_top: int = Field(default=12, ge=0)
    exact_random: int = Field(default=12, ge=0)
    seed: Seed = 0


class HeadTextsConfig(Section):
    """Which texts explain what each head of a CLIP adds to its CLS token (TextSpan).

    Attributes:
        n: over how many images, drawn with `seed`; over all if there are fewer. More than a head
            is wide, or any few texts would explain all of it.
        texts: how many a head.
        controls: lists of random directions, as long as that of texts, of which as many are chosen
            in the same way.
        seed: of the draws.
    """

    n: int = Field(default=1000, ge=2)
    texts: int = Field(default=5, ge=1, le=50)
    controls: int = Field(default=5, ge=1, le=1000)
    seed: Seed = 0


class PatchingConfig(Section):
    """What carries the difference between two pictures: states of one put into the other.

    Attributes:
        pairs: a folder with pictures and pairs.csv, relative to the project
            (`precompute.patching.pairs` says what it holds).
        dataset: in whose run the results are kept; the first data set's if none is named.
        n: of how many of the pairs, the first ones; all, if not given.
        exact_top: how many heads and how many patches, each by the size of their gradient, are put
            in one at a time, each way of each pair.
        exact_random: how many of the others, drawn with `seed`.
        batch_size: pairs whose activations are in memory together for the backward pass.
        seed: of the draws.
    """

    pairs: str
    dataset: str = ""
    n: int | None = Field(default=None, ge=1)
    exact_top: int = Field(default=12, ge=0)
    exact_random: int = Field(default=12, ge=0)
    batch_size: int = Field(default=4, ge=1)
    seed: Seed = 0


class FloorConfig(Section):
    """How much a caption owes to the decoder alone: captions of towers with permuted weights.

    Attributes:
        seeds: a tower each, whose weights are permuted within each matrix by this seed.
        n: of how many images, drawn with `draw`; of all if there are fewer.
        draw: seed of that draw.
    """

    seeds: tuple[Seed, ...] = Field(default=(0, 1, 2), min_length=1)
    n: int = Field(default=50, ge=1)
    draw: Seed = 0


FEW_SEEDS = 2
"""So many of a pruning's random controls are read at every layer, and stand on its curve."""


class PruningConfig(Section):
    """Algorithm 1: heads weighted or removed by what a sample of images says of them.

    Attributes:
        name: of the pruning; its conditions are `prune:<name>-<hash>`.
        m: images in the sample, drawn with `seed`.
        seed: of the draw.
        layers: whose heads are weighted, 1..L; all layers, if none are named.
        samples: of m images each, no image in two, as far as the images suffice. The first is
            Algorithm 1's; the others only tell how stable its choice is.
        metric: what holds a head's caption against its layer's.
        importance: by the softmax of the scores, as in the paper, or by what they are above the
            score of the layer with all heads off (`precompute.heads.importance`).
        softmax: what the scales of a layer's heads, removed ones at 0, have in the mean. Of all
            its heads 1 (`mean-preserving`); of those that are kept 1 (`mean-of-kept`); or the
            paper's softmax as printed (`literal`), which shrinks attention by about H.
        temperature: of the softmax; by the rule of `precompute.heads.importance`, if not given.
        top_k: heads kept a layer; the others are removed.
        threshold: heads whose H * softmax lies below are removed; 1 is a layer's average head.
        counts: for the curve, numbers of heads removed a layer.
        random_seeds: how many times random heads are removed, for the control.
    """

    name: ExperimentName
    m: int = Field(default=100, ge=1)
    seed: Seed = 0
    layers: tuple[int, ...] | None = Field(default=None, min_length=1)
    samples: int = Field(default=2, ge=1, le=100)
    metric: str = "bertscore"
    importance: Literal["paper", "above-null"] = "paper"
    softmax: Literal["mean-preserving", "mean-of-kept", "literal"] = "mean-preserving"
    temperature: float | None = Field(default=None, gt=0)
    top_k: int | None = Field(default=None, ge=1)
    threshold: float | None = Field(default=None, gt=0)
    counts: tuple[int, ...] = ()
    random_seeds: int = Field(default=20, ge=0, le=10_000)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.top_k is not None and self.threshold is not None:
            raise ValueError("heads are removed by top_k or by threshold, not by both")
        if self.importance == "above-null" and self.temperature is not None:
            raise ValueError("importance above-null has no softmax, and so no temperature")
        return self
