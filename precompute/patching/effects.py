"""What patching does: by gradient for every site, exactly for some.

The measure is how much likelier the other picture's final caption is than one's own,

    m = log p(caption of the other) - log p(own caption),       nats a token, teacher-forced,

and an effect is the part of the way from one's own m to that of the other picture: 0 where nothing
is patched, 1 where the model is as the other picture makes it (Zhang and Nanda 2024). It may be
below 0, or above 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from precompute.forward import (
    BatchSize,
    LayerEdit,
    Put,
    attend,
    fitting,
    mixed,
    run_layers,
    run_states,
)
from precompute.models import Captioner, VisionTower
from precompute.patching.sites import Site, token_share


@dataclass(frozen=True)
class Recorded:
    """What a batch of pictures leaves in the tower.

    Attributes:
        states: Z^0..Z^L.
        z: what the heads of every block give, before W_O.
        attn_out: what its attention adds.
        mlp_out: what its MLP adds.
    """

    states: Sequence[Float[Tensor, "batch token width"]]
    z: Sequence[Float[Tensor, "batch head token head_width"]]
    attn_out: Sequence[Float[Tensor, "batch token width"]]
    mlp_out: Sequence[Float[Tensor, "batch token width"]]

    def of(self, rows: Sequence[int]) -> "Recorded":
        """The same of some pictures, in their order."""
        chosen, kept = list(rows), (self.states, self.z, self.attn_out, self.mlp_out)
        return Recorded(*([each[chosen] for each in one] for one in kept))


@dataclass(frozen=True)
class Ways:
    """Pictures that are patched, each with states of its other.

    Attributes:
        own: of the pictures.
        other: of those whose states are put in.
        own_captions: token ids of the pictures' final captions.
        other_captions: of the others'.
        changed: patches whose pixels differ.
        prompt: of the captions.
    """

    own: Recorded
    other: Recorded
    own_captions: Sequence[Sequence[int]]
    other_captions: Sequence[Sequence[int]]
    changed: Bool[Tensor, "batch patch"]
    prompt: str


@torch.no_grad()
def record(tower: VisionTower, pixels: Float[Tensor, "batch 3 y x"]) -> Recorded:
    """Run pictures through the tower and keep what patching puts elsewhere."""
    states = [tower.embed(pixels)]
    z, attn_out, mlp_out = [], [], []
    for block in run_layers(tower, states[0]):
        z.append(attend(tower, block.layer, states[-1]).z)
        attn_out.append(block.attn_out)
        mlp_out.append(block.mlp_out)
        states.append(block.resid_post)
    return Recorded(states, z, attn_out, mlp_out)


def measure(
    captioner: Captioner,
    last: Float[Tensor, "batch token width"],
    own: Sequence[Sequence[int]],
    other: Sequence[Sequence[int]],
    prompt: str,
) -> Float[Tensor, " batch"]:
    """What the head of this file calls m, of every row."""
    memory = captioner.read(last, prompt)
    return captioner.logprob(memory, other) - captioner.logprob(memory, own)


@torch.no_grad()
def spans(
    captioner: Captioner, ways: Ways
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """The measure of the pictures as they are, and of their others: the ends of every way."""
    captions = ways.own_captions, ways.other_captions
    own, other = (
        measure(captioner, side.states[-1], *captions, ways.prompt)
        for side in (ways.own, ways.other)
    )
    return own, other


@torch.enable_grad()
def gradients(captioner: Captioner, ways: Ways) -> list[dict[Site, float]]:
    """Attribution patching: d m / d share of every site, at a share of 0, by one backward pass.

    To first order that is what putting it in whole would change m by (Syed et al. 2023).

    Returns:
        Of every way: site -> in the units of m. Every patch and CLS at every layer, every head,
        and both parts of every block.
    """
    tower, own, other = captioner.tower, ways.own, ways.other
    n, device = len(own.states[0]), own.states[0].device

    def share(*shape: int) -> Tensor:
        return torch.zeros(n, *shape, device=device, requires_grad=True)

    tokens = [share(tower.n_tokens) for _ in range(tower.n_layers + 1)]
    heads = [share(tower.n_heads) for _ in range(tower.n_layers)]
    attention, mlp = ([share() for _ in range(tower.n_layers)] for _ in range(2))
    state = mixed(own.states[0], other.states[0], tokens[0])
    for at in range(1, tower.n_layers + 1):
        put = Put(
            other.z[at - 1],
            heads[at - 1],
            other.attn_out[at - 1],
            attention[at - 1],
            other.mlp_out[at - 1],
            mlp[at - 1],
        )
        state = next(run_states(tower, state, {at: LayerEdit(put=put)}, at))
        state = mixed(state, other.states[at], tokens[at])
    value = measure(captioner, state, ways.own_captions, ways.other_captions, ways.prompt)
    found = torch.autograd.grad(value.sum(), [*tokens, *heads, *attention, *mlp])
    depth = tower.n_layers
    of_tokens, rest = found[: depth + 1], found[depth + 1 :]
    named: list[dict[Site, float]] = [{} for _ in range(n)]
    for i, of_way in enumerate(named):
        for layer, values in enumerate(of_tokens):
            of_way |= {
                Site(layer, "patch", p): v for p, v in enumerate(tower.patches(values)[i].tolist())
            }
            if tower.class_token:
                of_way[Site(layer, "cls")] = float(values[i, 0])
        for at in range(1, depth + 1):
            of_way |= {Site(at, "head", h): v for h, v in enumerate(rest[at - 1][i].tolist())}
            of_way[Site(at, "attention")] = float(rest[depth + at - 1][i])
            of_way[Site(at, "mlp")] = float(rest[2 * depth + at - 1][i])
    return named


@torch.inference_mode()
def exact(
    captioner: Captioner,
    ways: Ways,
    wanted: Sequence[Sequence[Site]],
    size: BatchSize,
) -> list[dict[Site, float]]:
    """The measure with one site patched, in full batches over sites and ways.

    Blocks below a site are not run again.

    Args:
        captioner: the model.
        ways: the pictures.
        wanted: the sites of every way.
        size: rows that go through the tower together.

    Returns:
        Of every way: site -> m.
    """
    tower = captioner.tower
    todo = sorted(
        (
            (not site.of_state, site.layer, site, i)
            for i, sites in enumerate(wanted)
            for site in sites
        )
    )
    found: list[dict[Site, float]] = [{} for _ in wanted]

    def patch(some: list[tuple[bool, int, Site, int]]) -> list[float]:
        of_block, layer, _, _ = some[0]
        rows = [i for _, _, _, i in some]
        sites = [site for _, _, site, _ in some]
        run = _patched_block if of_block else _patched_state
        last = run(tower, ways, layer, sites, rows)
        captions = [ways.own_captions[i] for i in rows], [ways.other_captions[i] for i in rows]
        values: list[float] = measure(captioner, last, *captions, ways.prompt).tolist()
        return values

    for _, alike in groupby(todo, key=lambda row: row[:2]):
        for some, values in fitting(alike, size, patch):
            for (_, _, site, i), value in zip(some, values, strict=True):
                found[i][site] = value
    return found


def _patched_state(
    tower: VisionTower, ways: Ways, layer: int, sites: Sequence[Site], rows: Sequence[int]
) -> Float[Tensor, "row token width"]:
    """Z^L of rows whose Z^l is the other's at the tokens of their sites."""
    own, other = (side.states[layer][list(rows)] for side in (ways.own, ways.other))
    share = torch.stack(
        [
            token_share(tower, site, ways.changed[i].cpu())
            for site, i in zip(sites, rows, strict=True)
        ]
    )
    state = mixed(own, other, share.to(own.device))
    if layer < tower.n_layers:
        *_, state = run_states(tower, state, {}, layer + 1)
    return state


def _patched_block(
    tower: VisionTower, ways: Ways, layer: int, sites: Sequence[Site], rows: Sequence[int]
) -> Float[Tensor, "row token width"]:
    """Z^L of rows in whose block a head, the attention or the MLP gives what it gives the other."""
    chosen = list(rows)
    below, device = ways.own.states[layer - 1][chosen], ways.own.states[0].device
    heads = torch.zeros(len(rows), tower.n_heads, device=device)
    for row, site in enumerate(sites):
        if site.kind == "head":
            heads[row, site.position] = 1
    attention, mlp = (
        torch.tensor([float(site.kind == kind) for site in sites], device=device)
        for kind in ("attention", "mlp")
    )
    put = Put(
        ways.other.z[layer - 1][chosen],
        heads,
        ways.other.attn_out[layer - 1][chosen],
        attention,
        ways.other.mlp_out[layer - 1][chosen],
        mlp,
    )
    *_, last = run_states(tower, below, {layer: LayerEdit(put=put)}, layer)
    return last


def effects_of(values: Mapping[Site, float], start: float, end: float) -> dict[Site, float]:
    """Values of m as effects: 0 at the start, 1 at the end."""
    return {site: (value - start) / (end - start) for site, value in values.items()}
