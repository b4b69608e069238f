"""Who a judge is: all that decides its answers. Two that differ in anything are never merged."""

import re

from pydantic import BaseModel, ConfigDict

from precompute.config import JUDGE_LAYERS, JudgeConfig, require_layers
from precompute.interventions import from_paper
from precompute.judge.prompt import PAPER, template_sha256
from store.disk import short_hash

_OF_THE_PAPER = 20, 30
"""The first and the last that its Figure 5 judges, as it numbers them."""


class Judge(BaseModel):
    """A model, a question, and how it is put.

    Attributes:
        model: the name asked for; what answers is kept with every reply.
        prompt_sha256: of the question's wording and the answer's schema.
        layers: whose captions one question shows, ascending.
        detail: how closely the picture is looked at.
        temperature: asked for; None for the server's own.
        answer_tokens: where an answer is cut off.
        order: how the captions of a picture stand. The paper's is left out of what identifies a
            judge, so that those of earlier versions keep their names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    prompt_sha256: str
    layers: tuple[int, ...]
    detail: str
    temperature: float | None
    answer_tokens: int
    order: str = PAPER

    @property
    def name(self) -> str:
        """Readable, and different for different judges: `gpt-4o-1a2b3c4d`.

        An order that is not the paper's stands after two hyphens, which no model's part has:
        `gpt-4o--shuffled-1a2b3c4d`.
        """
        short = re.sub(r"[^A-Za-z0-9_.]+", "-", self.model.rsplit("/", 1)[-1]).strip("-._")
        order = "" if self.order == PAPER else f"--{self.order}"
        return f"{short or 'judge'}{order}-{short_hash(self.settings)}"

    @property
    def settings(self) -> dict[str, object]:
        """What identifies it, as JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)


def judge_of(config: JudgeConfig, n_layers: int) -> Judge:
    """The judge of a configuration, for a tower of `n_layers` blocks.

    Raises:
        ValueError: a layer that the tower does not have.
    """
    layers = require_layers(config.layers or default_layers(n_layers), 0, n_layers, JUDGE_LAYERS)
    return Judge(
        model=config.model,
        prompt_sha256=template_sha256(config.order),
        layers=tuple(layers),
        detail=config.detail,
        temperature=config.temperature,
        answer_tokens=config.answer_tokens,
        order=config.order,
    )


def default_layers(n_layers: int) -> tuple[int, ...]:
    """The paper's layers, scaled to the depth of a tower; two at least.

    >>> default_layers(39) == tuple(range(21, 32))
    True
    >>> default_layers(12)
    (7, 8, 9, 10)
    """
    first, last = from_paper(*_OF_THE_PAPER, n_layers)
    return tuple(range(min(first, last - 1), last + 1))
