"""What a run's capture costs beside the bare tower: `python -m bench.capture`.

A few blocks of the real width (EVA-CLIP ViT-g's: 1408 wide, 16 heads, 257 tokens) with random
weights. Bare is the library's own modules with fused attention, one after the other, nothing kept;
`output_attentions` is the library's way to see attention, for which it computes and keeps whole
patterns. Each way's memory is the peak of a process of its own, above that of the loaded blocks.
"""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from transformers import InstructBlipVisionConfig, InstructBlipVisionModel

from bench.memory import memory
from bench.turns import in_turns, ratio
from precompute.forward.capture import capture
from precompute.models.vision import view_tower

_BLOCKS = 4
_BATCH = 8
_REPEATS = 11
_NOISE = 0.02
"""Standard deviation of the weights. The library's own is 1e-10 here, whose squares are numbers too
small to be normal, and those take a processor ten times as long."""

Ways = dict[str, Callable[[], Any]]


def main() -> None:
    """Print a line a way: seconds, ratio to the bare tower, memory."""
    with torch.inference_mode():
        ways = _ways()
        _require_equal(ways)
        seconds = in_turns(ways, _REPEATS)
    print(
        f"\ncapture: {_BLOCKS} blocks 1408 wide, 16 heads, 257 tokens, batch of {_BATCH}, "
        f"median of {_REPEATS}"
    )
    print(f"{'':<36}{'time':>9}{'to bare':>24}{'peak memory':>14}")
    for way, times in seconds.items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak = pool.apply(_peak, (way,))
        print(
            f"{way:<36}{median(times):>7.2f} s{ratio(times, seconds['bare, fused attention']):>24}"
            f"{peak:>11.0f} MB",
            flush=True,
        )


def _ways() -> Ways:
    torch.manual_seed(0)
    fused, eager = (
        InstructBlipVisionModel._from_config(
            InstructBlipVisionConfig(num_hidden_layers=_BLOCKS, initializer_range=_NOISE),
            attn_implementation=attention,
        )
        .eval()
        .requires_grad_(False)
        for attention in ("sdpa", "eager")
    )
    eager.load_state_dict(fused.state_dict())
    tower = view_tower(fused)
    pixels = torch.randn(_BATCH, 3, 224, 224)

    def bare() -> Any:
        state = fused.embeddings(pixels)
        for layer in fused.encoder.layers:
            state = layer(state)
        return state

    def states() -> list[Tensor]:
        state = fused.embeddings(pixels)
        kept = [state]
        for layer in fused.encoder.layers:
            kept.append(layer(kept[-1]))
        return kept

    def with_attentions() -> object:
        out = eager(pixels, output_attentions=True, output_hidden_states=True)
        assert len(out.attentions) == _BLOCKS
        return out

    return {
        "bare, fused attention": bare,
        "the same, all states kept": states,
        "capture, as a run": lambda: capture(tower, pixels),
        "output_attentions, eager": with_attentions,
    }


def _require_equal(ways: Ways) -> None:
    *_, state = ways["the same, all states kept"]()
    torch.testing.assert_close(ways["capture, as a run"]().states[-1], state)
    torch.testing.assert_close(
        ways["output_attentions, eager"]().hidden_states[-1], state, atol=1e-4, rtol=1e-4
    )


@torch.inference_mode()
def _peak(way: str) -> float:
    """MB of a process at its peak, above what it held before the work."""
    work = _ways()[way]
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = memory("VmRSS")
    work()
    return (memory("VmHWM") - before) / 1e3


if __name__ == "__main__":
    main()
