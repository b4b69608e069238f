"""Conditions: what is edited, where, and from which mean; as values with readable ids.

An id is a comma-separated list of edits, layers in this project's numbering (1..L):

    mean:5   confuse:12-21   skip:3+7   heads:27-only-3   heads:27-without-3+5   skip:3,mean:5

A mean that is not of this run's own images names the other run, `mean:12-21@imagenet-1a2b3c4d`;
what differs from the defaults follows: `mean:5~output~token~n100~seed1`. In place of a mean,
`mean:5~resample~seed1` takes the state of another of the run's images, drawn with a seed.

What is done to the picture comes first, with edits of layers or alone: `gaussian_noise@3`,
`gaussian_noise@3,skip:5` (`precompute.inputs.edits` has them all); then states of another picture
that are put in, `patch:5:heads=3@tom.jpg` (`precompute.interventions.graft`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from precompute.config import require_layers
from precompute.inputs import InputEdit, specification
from precompute.interventions.graft import Graft
from precompute.interventions.kinds import KINDS, Scale, taking_mean
from store.disk import short_hash
from store.interventions import MEAN, heads_text, layers_text, mean_options

State = Literal["input", "output"]
Pool = Literal["position", "token", "resample"]


@dataclass(frozen=True)
class Shape:
    """What a condition has to fit: L blocks of H heads."""

    n_layers: int
    n_heads: int


@dataclass(frozen=True)
class Edit:
    """One kind of edit over some layers.

    Attributes:
        kind: one of `precompute.interventions.kinds` (docs/method.md, "Conditions").
        layers: 1..L, ascending.
        scale: of kinds that weigh heads: the factor of every head, the same at all these layers.

    Raises:
        ValueError: no layers, layers below 1 or twice, or a scale where none belongs.
    """

    kind: str
    layers: tuple[int, ...]
    scale: Scale | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"an edit must be one of {', '.join(KINDS)}; got {self.kind!r}.")
        if not self.layers or list(self.layers) != sorted(set(self.layers)) or self.layers[0] < 1:
            raise ValueError(
                f"layers of {self.kind} must ascend from 1 at least; got {list(self.layers)}."
            )
        if (KINDS[self.kind].scales is None) != (self.scale is None):
            raise ValueError(
                "kinds that weigh heads need one scale each, others none; got "
                f"{self.kind} with {self.scale}."
            )

    @property
    def heads(self) -> tuple[int, ...]:
        """The heads that are not left as they are."""
        return tuple(head for head, s in enumerate(self.scale or ()) if s != 1)

    @property
    def masks(self) -> bool:
        """Whether heads are only kept or removed, never weighted."""
        return set(self.scale or ()) <= {0.0, 1.0}

    @property
    def text(self) -> str:
        """Its part of an id, where its mean is left out."""
        heads = "" if self.scale is None else f"-{'-'.join(heads_text(self.scale))}"
        return f"{self.kind}:{layers_text(self.layers)}{heads}"


@dataclass(frozen=True)
class MeanSource:
    """Which mean Zbar a condition uses.

    Attributes:
        run: whose images; None for the condition's own run.
        n: how many of them, drawn with `seed`; all if there are fewer.
        seed: of the draw.
        state: of the edited block's input Z^{l-1}, or of its output Z^l.
        pool: a mean for every token position, or one over all tokens as well; or no mean, but the
            state of another of the run's own images.
    """

    run: str | None = None
    n: int = MEAN["n"]
    seed: int = MEAN["seed"]
    state: State = MEAN["state"]
    pool: Pool = MEAN["pool"]

    def __post_init__(self) -> None:
        if self.n < 1 or self.seed < 0:
            raise ValueError(
                f"a mean needs 1 image at least and a seed of 0 at least; got n={self.n}, "
                f"seed={self.seed}."
            )
        if self.resamples and self.run:
            raise ValueError(
                f"resample draws from the run's own images; got those of {self.run}. Leave out "
                "~resample, or the other run."
            )

    @property
    def resamples(self) -> bool:
        """Whether it is no mean, but another image's state."""
        return self.pool == "resample"

    def state_index(self, layer: int) -> int:
        """The index of the state whose mean an edit of block `layer` uses."""
        return layer - (self.state == "input")

    @property
    def text(self) -> str:
        """Its part of an id; empty for the default."""
        run = [f"@{self.run}"] if self.run else []
        return "".join([*run, *(f"~{option}" for option in mean_options(asdict(self)))])


@dataclass(frozen=True)
class Condition:
    """A set of edits: every image is computed anew with all of them at once.

    Of layers, of the picture, or both.

    Edits are put in order: equal ones over several layers are joined, so that equal conditions
    are equal values with equal ids. On one layer any kinds go together but `skip`, which leaves
    nothing to edit, and two different scales of heads.

    Attributes:
        edits: which layers are edited and how, by lowest layer; may be none if the picture is.
        mean: which mean; exactly where an edit takes one.
        name: of a pruning, whose scales an id cannot say.
        pruning: how its scales came about, as JSON values, for the condition's specification.
        broken: what is done to the picture.
        graft: states of another picture that are put in.

    Raises:
        ValueError: edits that contradict each other, a mean too many or missing, scales that an
            id cannot say and no name.
    """

    edits: tuple[Edit, ...]
    mean: MeanSource | None = None
    name: str | None = None
    pruning: Mapping[str, Any] | None = field(default=None, hash=False)
    broken: InputEdit | None = None
    graft: Graft | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "edits", _joined(self.edits))
        if self.edits or not (self.broken or self.graft):
            _check_combination(self.edits)
        if self.graft:
            _check_graft(self.graft, self.edits, self.mean)
        if (self.mean is not None) != any(KINDS[e.kind].takes_mean for e in self.edits):
            kinds = " or ".join(taking_mean())
            raise ValueError(
                f"a condition names a mean exactly if it has an edit {kinds}; got "
                f"{', '.join(e.text for e in self.edits)} with mean {self.mean}."
            )
        if self.name is None and not all(e.masks for e in self.edits):
            raise ValueError("scales other than 0 and 1 need a name; `prune:<name>-<hash>` is it.")

    @property
    def id(self) -> str:
        """Its readable id; `parse` reads it back unless it is that of a pruning."""
        if self.name is not None:
            return f"prune:{self.name}-{short_hash([self._edits_json(), self.pruning])}"
        of_layers = [
            e.text + (self.mean.text if self.mean and KINDS[e.kind].takes_mean else "")
            for e in self.edits
        ]
        beside = [each.text for each in (self.broken, self.graft) if each]
        return ",".join([*beside, *of_layers])

    @property
    def kind(self) -> str:
        """That of its edits; `mixed` where there are several, `prune` of a pruning."""
        if self.name is not None:
            return "prune"
        kinds = {edit.kind for edit in self.edits} | ({self.broken.kind} if self.broken else set())
        kinds |= {"patch"} if self.graft else set()
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that are edited, ascending."""
        grafted = self.graft.layers if self.graft else ()
        return tuple(sorted({layer for edit in self.edits for layer in edit.layers} | {*grafted}))

    @property
    def first(self) -> int:
        """The least l of which Z^l is another: 0 where the picture is."""
        return 0 if self.broken else min(self.layers)

    @property
    def heads(self) -> tuple[int, ...]:
        """The heads that are edited at some layer, ascending."""
        return tuple(sorted({head for edit in self.edits for head in edit.heads}))

    @property
    def resamples(self) -> bool:
        """Whether it takes another image's state where others take a mean."""
        return self.mean is not None and self.mean.resamples

    @property
    def means(self) -> frozenset[int]:
        """The states Z^l whose mean it needs."""
        return frozenset(
            self.mean.state_index(layer)
            for edit in self.edits
            if self.mean and KINDS[edit.kind].takes_mean
            for layer in edit.layers
        )

    def spec(self, dataset: str) -> dict[str, Any]:
        """The full specification, as JSON values.

        Args:
            dataset: whose images the mean is of.
        """
        mean = self.mean and {
            "run": self.mean.run,
            "dataset": dataset,
            "n": self.mean.n,
            "seed": self.mean.seed,
            "state": self.mean.state,
            "pool": self.mean.pool,
        }
        return {
            "edits": self._edits_json(),
            "mean": mean,
            "pruning": None if self.pruning is None else dict(self.pruning),
            **({"input": specification(self.broken)} if self.broken else {}),
            **({"graft": self.graft.spec} if self.graft else {}),
        }

    def row(self, run: str, dataset: str, images: int) -> dict[str, Any]:
        """Its row of table `condition`.

        Args:
            run: the run whose images the mean is of.
            dataset: that run's data set.
            images: how many the mean is of in the end.
        """
        return {
            "condition_id": self.id,
            "kind": self.kind,
            "layers": list(self.layers),
            "heads": list(self.heads),
            "source": f"{run}, {images} images, seed {self.mean.seed}" if self.mean else None,
            "spec": json.dumps(self.spec(dataset), sort_keys=True),
        }

    def _edits_json(self) -> list[dict[str, Any]]:
        edits = []
        for edit in self.edits:
            value: dict[str, Any] = {"kind": edit.kind, "layers": list(edit.layers)}
            if edit.scale is not None:
                value["scale"] = {str(layer): list(edit.scale) for layer in edit.layers}
            edits.append(value)
        return edits


def check(condition: Condition, shape: Shape) -> None:
    """Hold a condition against a tower.

    Raises:
        ValueError: it has no such layer, or another number of heads.
    """
    if graft := condition.graft:
        require_layers(graft.layers, 1, shape.n_layers, f"layers of {condition.id}")
        if graft.part == "heads" and graft.which[-1] >= shape.n_heads:
            raise ValueError(
                f"heads must be in 0..{shape.n_heads - 1} for this tower; got {graft.which[-1]}."
            )
    for edit in condition.edits:
        require_layers(edit.layers, 1, shape.n_layers, f"layers of {condition.id}")
        if edit.scale is not None and len(edit.scale) != shape.n_heads:
            raise ValueError(
                f"{condition.id} must scale the {shape.n_heads} heads of this tower; got "
                f"{len(edit.scale)} scales."
            )


def _check_graft(graft: Graft, edits: tuple[Edit, ...], mean: MeanSource | None) -> None:
    skipped = {layer for edit in edits if edit.kind == "skip" for layer in edit.layers}
    if both := skipped & {*graft.layers}:
        raise ValueError(f"layer {min(both)} is skipped: nothing can be put into it.")
    if mean is not None and mean.resamples:
        raise ValueError("a condition takes states of one other picture; leave out ~resample.")


def _joined(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Equal edits over several layers as one, in order of the lowest layer."""
    layers: dict[tuple[str, Scale | None], list[int]] = {}
    for edit in edits:
        layers.setdefault((edit.kind, edit.scale), []).extend(edit.layers)
    joined = [Edit(kind, tuple(sorted(set(at))), scale) for (kind, scale), at in layers.items()]
    order = list(KINDS)
    return tuple(sorted(joined, key=lambda e: (e.layers, order.index(e.kind), e.scale or ())))


def _check_combination(edits: tuple[Edit, ...]) -> None:
    if not edits:
        raise ValueError("a condition has one edit at least; got none. The baseline is not one.")
    at: dict[int, list[Edit]] = {}
    for edit in edits:
        if edit.scale is not None and not edit.heads:
            raise ValueError(f"a scale of 1 for every head edits nothing; got {edit.text}.")
        for layer in edit.layers:
            at.setdefault(layer, []).append(edit)
    for layer, those in at.items():
        kinds = [edit.kind for edit in those]
        alone = any(KINDS[kind].alone for kind in kinds)
        if len(kinds) > 1 and (alone or len(set(kinds)) < len(kinds)):
            raise ValueError(
                f"edits of layer {layer} contradict each other: {', '.join(e.text for e in those)}."
                " A skipped layer has nothing to edit, and heads have one scale each."
            )
