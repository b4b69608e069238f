"""What it matters that a mean holds the image itself: `python -m bench.leave_one_out`.

Every layer of the demo's tower averaged, and confused, alone: with the mean of all pictures of a
book, and with that of all others. At 48 pictures the image is 2% of its mean; at 500 it is 0.2%.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from precompute.config import PROJECT, Config, read_config
from precompute.forward import decode_layers, decode_states, run_states
from precompute.images import load_dataset
from precompute.interventions import Condition
from precompute.interventions.apply import layer_edits
from precompute.interventions.conditions import Shape
from precompute.interventions.parse import parse
from precompute.models import Captioner, load_captioner

KINDS = ("mean", "confuse")


def main() -> None:
    """Print a line a book and kind: captions that differ, and by how much the final one's odds."""
    config = read_config(PROJECT / "precompute/configs/demo.toml")
    captioner = load_captioner(config.model)
    print(f"\n{'':<26}{'captions':>9}{'differ':>8}{'|d final_logprob|':>19}{'of the effect':>15}")
    for dataset in config.datasets:
        items = load_dataset(dataset)
        pixels = captioner.pixels([item.open() for item in items])
        for kind in KINDS:
            n, differ, by, effect = compared(captioner, config, pixels, kind)
            name = f"{dataset.name}, {kind}"
            print(f"{name:<26}{n:>9}{differ:>8}{by:>19.4f}{by / effect:>15.1%}", flush=True)


@torch.inference_mode()
def compared(
    captioner: Captioner, config: Config, pixels: Tensor, kind: str
) -> tuple[int, int, float, float]:
    """All layers alone, with the mean of all images and with that of all others.

    Returns:
        Captions; how many differ between the two; the mean absolute difference of the final
        caption's log-probability, and that between the mean of all and the model unedited.
    """
    tower = captioner.tower
    states = [tower.embed(pixels)]
    states += run_states(tower, states[0])
    (unedited,) = decode_layers(captioner, states[-1:], config.decode)
    final = [list(caption.token_ids) for caption in unedited]
    n = differ = 0
    by, effect = 0.0, 0.0
    for condition in _conditions(tower.n_layers, tower.n_heads, kind):
        pair = []
        for means in means_of(states, condition):
            edits = layer_edits(tower, condition, means)
            below = states[condition.layers[0] - 1]
            *_, last = run_states(tower, below, edits, condition.layers[0])
            asked = zip(last, final, strict=True)
            pair.append(list(decode_states(captioner, asked, config.decode)))
        for with_it, without, plain in zip(*pair, unedited, strict=True):
            n += 1
            differ += with_it.text != without.text
            by += abs(with_it.final_logprob - without.final_logprob)
            effect += abs(with_it.final_logprob - plain.final_logprob)
    return n, differ, by / n, effect / n


def means_of(states: list[Tensor], condition: Condition) -> Iterator[dict[int, Tensor]]:
    """The mean that a condition takes of all images; then, for every image, of all others."""
    sums = {at: states[at].sum(0) for at in condition.means}
    n = len(states[0])
    yield {at: total / n for at, total in sums.items()}
    yield {at: (total - states[at]) / (n - 1) for at, total in sums.items()}


def _conditions(n_layers: int, n_heads: int, kind: str) -> list[Condition]:
    shape = Shape(n_layers, n_heads)
    return [parse(f"{kind}:{layer}", shape) for layer in range(1, n_layers + 1)]


if __name__ == "__main__":
    main()
