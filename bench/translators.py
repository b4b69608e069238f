"""What translators cost at full size, on random states: `python -m bench.translators`.

EVA-CLIP ViT-g's tower: 39 blocks, 1408 wide, 257 tokens. No tower runs: its states are drawn. Sums
of two batches, all layers, for the images that fit and those that choose; then every layer solved;
then the file. Memory is the most that the process held, above what it held before.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from rich.filesize import decimal

from bench.memory import memory
from precompute.translators import file_bytes, memory_of
from precompute.translators.memory import features_of
from precompute.translators.ridge import fit_map
from precompute.translators.storage import FORMAT, Identity, Translators, write_translators
from precompute.translators.sums import Sums, empty, groups_of

WIDTH, LAYERS, TOKENS = 1408, 39, 257
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2, help="a split")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--rank", type=int, default=WIDTH)
    asked = parser.parse_args()
    k, before = features_of(asked.rank, WIDTH), memory("VmRSS")
    groups, generator = groups_of(class_token=True), torch.Generator().manual_seed(0)
    basis = None if k == WIDTH else torch.linalg.qr(torch.randn(WIDTH, k).double()).Q
    begun = time.perf_counter()
    splits: list[list[Sums]] = []
    for _ in range(2):
        splits.append([empty(2, k, WIDTH, "cpu") for _ in range(asked.layers)])
        final = torch.randn(asked.images, TOKENS, WIDTH, generator=generator)
        for sums in splits[-1]:
            state = torch.randn(asked.images, TOKENS, WIDTH, generator=generator).double()
            features = state if basis is None else state @ basis
            sums.add(features, final.double() - state, groups)
    _say(f"sums of {2 * asked.images} images, {asked.layers} layers, {k} features", begun)
    begun = time.perf_counter()
    maps = []
    while splits[0]:
        fit, choose = (split.pop(0) for split in splits)
        maps.append(fit_map(fit, choose, _PENALTIES, basis).map)
    _say("every layer solved, six penalties", begun)
    peak = 1024 * (memory("VmHWM") - before)
    identity = Identity(
        format=FORMAT, kind="tuned", weights_sha256="", dataset="", dataset_sha256="",
        settings={}, seed=0, permuted_seed=0, fit=(), choose=(), rank=k, layers=asked.layers,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path, begun = Path(folder) / "maps.safetensors", time.perf_counter()
        write_translators(path, Translators(tuple(maps), torch.zeros(2, WIDTH), identity))
        size = path.stat().st_size
        _say(f"file of {decimal(size)}, reckoned {decimal(file_bytes(k, WIDTH, LAYERS))}", begun)
    print(f"memory {decimal(peak)}, reckoned {decimal(memory_of(k, WIDTH, asked.layers))}")


def _say(what: str, begun: float) -> None:
    print(f"{what}: {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
