"""The section of a configuration that fits readers: maps from every state to the last one's."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from precompute.config.section import ExperimentName, Section, Seed

Reader = Literal["bias", "others", "permuted", "untrained", "jacobian"]
"""What is read beside the translator itself."""


class TranslatorsConfig(Section):
    """Translators of every layer's states into the basis of Z^L, and what is read beside them.

    Attributes:
        name: of the translators; their captions are the conditions `<name>` and `<name>-<beside>`.
        images_of: whose images they are fitted on: a data set of this configuration or a run in
            the folder of results, all of whose images choose and fit, so that all of the run's
            own are read; empty for the run's own, of which then those alone are read that did
            neither.
        n: of how many images, drawn with `seed`; of all if there are fewer.
        seed: of the draw and of the split.
        rank: of the map, `full` or along so many principal directions of the states.
        penalties: of the ridge, times the mean variance of the states; one a layer is chosen.
        beside: controls and the lens: `bias` moves the mean alone; `others` reads another image's
            translated state; `permuted` is fitted within a tower of permuted weights; `untrained`
            from such a tower's states to the Z^L of the tower as it is; `jacobian` is the tower's
            own derivative, fitted to nothing.
        permuted_seed: of the permutation.
        jacobian_images: over how many images the derivative is the mean.
        refine_steps: of gradient descent on the captions' own words after the ridge; 0 is none.
        fitted: the folder of translators that were fitted before, of the same model, which are
            read instead (`results/<run>/parts/translators.<name>-<hash>`); relative to the project.
    """

    name: ExperimentName = "tuned"
    images_of: str = ""
    n: int = Field(default=500, ge=3)
    seed: Seed = 0
    rank: Literal["full"] | Annotated[int, Field(ge=1)] = "full"
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0), min_length=1
    )
    beside: tuple[Reader, ...] = ("bias", "others", "permuted", "untrained", "jacobian")
    permuted_seed: Seed = 0
    jacobian_images: int = Field(default=8, ge=1)
    refine_steps: int = Field(default=0, ge=0, le=100_000)
    fitted: str = ""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.beside)) < len(self.beside):
            raise ValueError(f"beside names each once; got {', '.join(self.beside)}")
        return self
