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
        exact_top: how many heads of an image, by |gradient|, are removed one at a time.
        exact_random: how many of the others, drawn with `seed`.
        seed: of the draw.
    """

    batch_size: int = Field(default=4, ge=1)
    exact_top: int = Field(default=8, ge=0)
    exact_random: int = Field(default=8, ge=0)
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


class PruningConfig(Section):
    """Algorithm 1: heads weighted or removed by what a sample of images says of them.

    Attributes:
        name: of the pruning; its conditions are `prune:<name>-<hash>`.
        m: images in the sample, drawn with `seed`.
        seed: of the draw.
        layers: whose heads are weighted, 1..L; all layers, if none are named.
        metric: what holds a head's caption against its layer's.
        softmax: whether scales are H * softmax, which keeps their mean at 1, or the paper's
            softmax as printed, which shrinks attention by about H.
        temperature: of the softmax; by the rule of `precompute.heads.importance`, if not given.
        top_k: heads kept a layer; the others are removed.
        threshold: heads whose H * softmax lies below are removed; 1 is a layer's average head.
        counts: for the curve, numbers of heads removed a layer.
        random_seeds: of the control that removes random heads.
    """

    name: ExperimentName
    m: int = Field(default=100, ge=1)
    seed: Seed = 0
    layers: tuple[int, ...] | None = Field(default=None, min_length=1)
    metric: str = "bertscore"
    softmax: Literal["mean-preserving", "literal"] = "mean-preserving"
    temperature: float | None = Field(default=None, gt=0)
    top_k: int | None = Field(default=None, ge=1)
    threshold: float | None = Field(default=None, gt=0)
    counts: tuple[int, ...] = ()
    random_seeds: tuple[Seed, ...] = (0, 1, 2)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.top_k is not None and self.threshold is not None:
            raise ValueError("heads are removed by top_k or by threshold, not by both")
        return self
