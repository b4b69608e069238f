"""Conditions as edits of a tower, and the states of a batch under them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from precompute.forward import NO_EDIT, Attention, LayerEdit, attend, run_states
from precompute.interventions.conditions import Condition, Edit
from precompute.interventions.kinds import KINDS, Site
from precompute.interventions.means import read_means
from precompute.models import VisionTower

States = Sequence[Tensor]


@dataclass(frozen=True)
class Prepared:
    """A condition and its edits of the tower; they are made batch by batch if it resamples."""

    condition: Condition
    edits: Mapping[int, LayerEdit]

    @property
    def first(self) -> int:
        """The least l of which Z^l is another."""
        return self.condition.first


def prepare(run: Path, tower: VisionTower, conditions: Iterable[Condition]) -> list[Prepared]:
    """Conditions as edits of a tower, with the means that lie in the run, lowest layer first.

    Raises:
        StageIncomplete: the sums of a mean are not complete.
        RunMismatch: they are of another model or number of tokens.
    """
    conditions = list(conditions)
    sources = {c.mean for c in conditions if c.mean and not c.mean.resamples}
    means = {
        source: read_means(
            run, source, set().union(*(c.means for c in conditions if c.mean == source)), tower
        )
        for source in sources
    }
    prepared = [
        Prepared(c, {} if c.resamples else layer_edits(tower, c, means[c.mean] if c.mean else {}))
        for c in conditions
    ]
    return sorted(prepared, key=lambda p: p.first)


@torch.no_grad()
def layer_edits(
    tower: VisionTower, condition: Condition, means: Mapping[int, Tensor]
) -> dict[int, LayerEdit]:
    """A condition as edits of a tower's layers.

    Args:
        tower: the tower.
        condition: one that fits it.
        means: state l -> Zbar^l, [token, width], for `condition.means`; or, where it resamples,
            another image's Z^l for every image of a batch, [batch, token, width].
    """
    at: dict[int, list[Edit]] = {}
    for edit in condition.edits:
        for layer in edit.layers:
            at.setdefault(layer, []).append(edit)
    made = {}
    for layer, edits in at.items():
        takers = [KINDS[edit.kind].takes_mean for edit in edits]
        mean = means[condition.mean.state_index(layer)] if condition.mean and any(takers) else None
        made[layer] = NO_EDIT
        # What attention makes of a mean is computed here, once: with the heads already scaled.
        for edit in sorted(edits, key=lambda e: KINDS[e.kind].takes_mean):
            site = Site(tower, layer, edit.scale, mean)
            made[layer] = KINDS[edit.kind].apply(made[layer], site)
    return made


def edited_states(
    tower: VisionTower, states: States, prepared: Iterable[Prepared]
) -> Iterator[tuple[Prepared, Iterator[Tensor]]]:
    """Every condition's states from its lowest edited layer to L.

    Conditions that begin at the same layer share q, k, v and what attention makes of them.

    Args:
        tower: the tower.
        states: Z^0..Z^L of a batch without edits.
        prepared: conditions, lowest layer first.

    Yields:
        The condition; its Z^first..Z^L, to be consumed before the next.
    """
    first: int | None = None
    attention: Attention | None = None
    for p in prepared:
        if p.first != first:
            first, attention = p.first, None
        edit, below = p.edits[p.first], states[p.first - 1]
        if attention is None and edit.constant is None and not edit.skip:
            attention = attend(tower, p.first, below)
        yield p, run_states(tower, below, p.edits, p.first, attention)
