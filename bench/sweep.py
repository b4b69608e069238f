"""What starting from the stored state below an edit saves: `python -m bench.sweep`.

The tower's part of sweeps of single-layer conditions, against the same conditions with a full
forward each. The bound counts blocks: a condition of layer l runs L - l + 1 of L. The pass without
edits, which a run's capture needs anyway and all conditions of a batch share, is shown apart.
"""

from statistics import median

import torch

from bench.tower import N_LAYERS, WIDTH, random_tower
from bench.turns import faster, in_turns
from precompute.forward.layers import run_states
from precompute.interventions.apply import Prepared, edited_states, layer_edits
from precompute.interventions.conditions import Condition, Edit, MeanSource
from precompute.models.tower import VisionTower

SWEEPS = {
    "evenly spread, every third layer": range(2, N_LAYERS + 1, 3),
    "Figure 2, layers 1-21": range(1, 22),
}
_BATCH = 4
_REPEATS = 5


def main() -> None:
    """Print a line a sweep and kind: seconds with full forwards and without, ratio, bound."""
    tower = random_tower()
    state = torch.randn(_BATCH, tower.n_tokens, WIDTH)
    print(f"\nsweeps of single-layer conditions: {N_LAYERS} blocks, batch of {_BATCH}")
    print(f"{'':<42}{'full':>9}{'from below':>12}{'faster':>8}{'bound':>7}{'with the pass':>15}")
    for name, layers in SWEEPS.items():
        for kind in ("mean", "heads"):
            print(f"{name + ': ' + kind:<42}{_line(tower, state, kind, layers)}", flush=True)


@torch.inference_mode()
def _line(tower: VisionTower, state: torch.Tensor, kind: str, layers: range) -> str:
    prepared = [_prepared(tower, kind, layer, state) for layer in layers]
    stored = [state, *run_states(tower, state)]

    def full() -> list[torch.Tensor]:
        return [list(run_states(tower, state, p.edits))[-1] for p in prepared]

    def from_below() -> list[torch.Tensor]:
        return [list(above)[-1] for _, above in edited_states(tower, stored, prepared)]

    def with_pass() -> None:
        list(run_states(tower, state))
        from_below()

    for a, b in zip(full(), from_below(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    ways = {"full": full, "from below": from_below, "with the pass": with_pass}
    slow, fast, whole = in_turns(ways, _REPEATS).values()
    bound = len(layers) * N_LAYERS / sum(N_LAYERS - layer + 1 for layer in layers)
    return (
        f"{median(slow):>7.2f} s{median(fast):>10.2f} s{faster(slow, fast):>7.2f}x"
        f"{bound:>6.2f}x{faster(slow, whole):>14.2f}x"
    )


def _prepared(tower: VisionTower, kind: str, layer: int, state: torch.Tensor) -> Prepared:
    if kind == "heads":
        without_first = (0.0, *[1.0] * (tower.n_heads - 1))
        condition = Condition((Edit("heads", (layer,), without_first),))
    else:
        condition = Condition(
            (Edit("mean" if kind == "mean" else "confuse", (layer,)),), MeanSource()
        )
    means = {at: state.mean(0) for at in condition.means}
    return Prepared(condition, layer_edits(tower, condition, means))


if __name__ == "__main__":
    main()
