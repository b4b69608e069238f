"""`make rehearse`: a full-size model with random weights, one picture, on the CPU.

It shows, where there are neither weights nor a GPU, that the tower of the real dimensions goes
through capture and decoding, how long each step takes, and that it fits into memory.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from PIL import Image

from precompute.config import PROJECT, DecodeConfig, Generation
from precompute.forward import capture, certificate, decode_layers
from precompute.models import as_read
from precompute.rehearse.full_size import MODELS, Rehearsal

LIMIT_GIB = 22
_PICTURE = PROJECT / "precompute/demo/whoops/test/penguin-large-desert.png"
_CONFIG = DecodeConfig(
    prompt="a short image caption.", batch_size=4, generation=Generation(max_new_tokens=8)
)

_Result = TypeVar("_Result")


def rehearse(rehearsal: Rehearsal, dtype: torch.dtype, say: Callable[[str], object]) -> float:
    """Capture all states of one picture, decode four of them, and check them with the library.

    Args:
        rehearsal: the model.
        dtype: of its weights.
        say: takes a line of the report.

    Returns:
        The most memory that this process has held, in GiB.

    Raises:
        AssertionError: a shape is not the published model's, or the certificate failed.
    """

    def timed(what: str, work: Callable[[], _Result]) -> _Result:
        begun = time.monotonic()
        result = work()
        say(f"{what:<58}{time.monotonic() - begun:8.1f} s   peak {peak_gib():5.1f} GiB")
        return result

    captioner: Any = timed("model built, weights random", lambda: rehearsal.build(dtype))
    tower = captioner.tower
    n_weights = sum(weight.numel() for weight in captioner.model.parameters())
    say(f"  {n_weights / 1e9:.2f} billion weights in {str(tower.dtype).removeprefix('torch.')}")
    n_layers, n_heads, n_tokens, width = rehearsal.shape
    assert (tower.n_layers, tower.n_heads, tower.n_tokens, tower.width) == rehearsal.shape

    picture = Image.open(_PICTURE).convert("RGB")
    pixels = timed("picture preprocessed", lambda: captioner.pixels([picture]))
    taken = timed(f"one picture through {n_layers} blocks: all states, every head",
                  lambda: capture(tower, pixels))  # fmt: skip
    assert pixels.shape == (1, 3, rehearsal.side, rehearsal.side)
    assert len(taken.states) == n_layers + 1
    assert all(state.shape == (1, n_tokens, width) for state in taken.states)
    of_heads = (1, n_layers, n_heads, n_tokens)
    assert taken.attention.shape == taken.contribution.shape == of_heads

    # The last of them is the image's final state, which is decoded first.
    chosen = [as_read(captioner, n_layers * k // 3, taken.states) for k in range(4)]
    captions = timed("4 states decoded, 8 words each, and their log-probabilities",
                     lambda: decode_layers(captioner, chosen, _CONFIG))  # fmt: skip
    assert all(1 <= len(c.token_ids) <= 8 for (c,) in captions)
    parity = timed("certificate: the library's own forward and generate",
                   lambda: certificate(captioner, [picture], _CONFIG))  # fmt: skip
    checks = parity["checks"]
    assert isinstance(checks, list)
    for check in checks:
        say(f"  {check['name']:<14} {check['value']:.2g}, bound {check['bound']:.2g}")
    assert parity["passed"], parity
    return peak_gib()


def peak_gib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Rehearse, print, and fail if it took more memory than promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="instructblip")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    wanted = parser.parse_args()
    rehearsal, dtype = MODELS[wanted.model], getattr(torch, wanted.dtype)
    print(f"{rehearsal.title}, CPU, {torch.get_num_threads()} threads", flush=True)
    peak = rehearse(rehearsal, dtype, lambda line: print(line, flush=True))
    if peak > LIMIT_GIB:
        raise SystemExit(f"expected at most {LIMIT_GIB} GiB of memory; it took {peak:.1f} GiB.")
    print(f"rehearsed within {LIMIT_GIB} GiB: the most was {peak:.1f} GiB")


if __name__ == "__main__":
    main()
