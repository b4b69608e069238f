"""What sharing q, k and v saves for the readouts of heads: `python -m bench.heads`.

Z_h^l of all heads of a layer, from Z^0 in one pass, against forwards with all but one head masked:
one a head through the whole tower, as a hook on a library's model would do it, and one a head that
at least stops after layer l. The null, with no head at all, is among them.
"""

from itertools import islice
from statistics import median

import torch

from bench.tower import N_LAYERS, WIDTH, random_tower
from bench.turns import faster, in_turns
from precompute.forward.layers import LayerEdit, run_states
from precompute.heads.captions import tower_heads
from precompute.models.tower import VisionTower

LAYERS = (10, N_LAYERS)
_BATCH = 2
_REPEATS = 3


def main() -> None:
    """Print a line a layer: seconds of full forwards and of one pass, and the ratios."""
    tower = random_tower()
    state = torch.randn(_BATCH, tower.n_tokens, WIDTH)
    print(
        f"\nreadouts of all {tower.n_heads} heads of a layer: {N_LAYERS} blocks, "
        f"batch of {_BATCH}, medians of {_REPEATS}"
    )
    print(f"{'':<12}{'full':>9}{'one pass':>12}{'faster':>8}{'than stopping at l':>20}")
    for layer in LAYERS:
        print(f"{f'layer {layer}':<12}{_line(tower, state, layer)}", flush=True)


@torch.inference_mode()
def _line(tower: VisionTower, state: torch.Tensor, layer: int) -> str:
    def forwards(blocks: int) -> list[torch.Tensor]:
        states = []
        alone = torch.eye(tower.n_heads)
        for scale in [torch.zeros_like(alone[0]), *alone]:  # the null, then every head
            masked = run_states(tower, state, {layer: LayerEdit(scale)})
            states.append(list(islice(masked, blocks))[layer - 1])
        return states

    def one_pass() -> list[torch.Tensor]:
        return [alone for _, _, alone in tower_heads(tower, state, (layer,))]

    for a, b in zip(forwards(layer), one_pass(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    ways = {
        "full": lambda: forwards(N_LAYERS),
        "stopping": lambda: forwards(layer),
        "once": one_pass,
    }
    slow, stopping, fast = in_turns(ways, _REPEATS).values()
    return (
        f"{median(slow):>7.2f} s{median(fast):>10.2f} s{faster(slow, fast):>7.1f}x"
        f"{faster(stopping, fast):>19.1f}x"
    )


if __name__ == "__main__":
    main()
