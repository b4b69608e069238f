"""What a run would cost: counted from the configuration, timed on one batch."""

import shutil
import time
from pathlib import Path

import torch
from rich.filesize import decimal

from precompute.captions import decode_layers
from precompute.capture import capture
from precompute.models.captioner import Captioner
from precompute.pipeline import tensor_bytes
from precompute.plan import Plan
from precompute.run import first_pictures
from store.parts import has_part


def describe(plan: Plan, captioner: Captioner, results: Path) -> str:
    """A plan in words: images, layers, heads, captions, disk, memory and time.

    The time is that of one batch, run here and now, times the number of batches still to do.
    """
    tower, config = captioner.tower, plan.config
    pictures = first_pictures(plan.items, config.capture.batch_size)
    begun = time.monotonic()
    pixels = captioner.pixels(pictures)
    decode_layers(captioner, capture(tower, pixels).states, config.decode)
    per_image = (time.monotonic() - begun) / len(pictures)

    n_images = len(plan.items)
    folders = list((results / plan.run_id / "parts").glob("capture-*"))
    left = sum(
        len(items)
        for name, items in plan.shards.items()
        if not any(has_part(folder, name) for folder in folders)
    )
    states = config.capture.batch_size * (tower.n_layers + 1) * tower.n_tokens * tower.width
    disk = n_images * tensor_bytes(tower, config)
    free = shutil.disk_usage(results if results.is_dir() else Path.cwd()).free
    return "\n".join([
        f"{plan.run_id}",
        f"  images    {n_images} in {len(plan.shards)} parts; {left} to do",
        f"  tower     {tower.n_layers} layers x {tower.n_heads} heads, "
        f"{tower.grid[0]} x {tower.grid[1]} patches, width {tower.width}",
        f"  captions  {n_images * (tower.n_layers + 1)} to decode, {tower.n_layers + 1} an image",
        f"  disk      {decimal(disk)} of arrays; {decimal(free)} free",
        f"  memory    {decimal(states * tower.dtype.itemsize)} for the states of a batch",
        f"  time      {_duration(left * per_image)} at {1 / per_image:.2f} images/s "
        f"(one batch of {len(pictures)}, {plan.decides['device']}, {torch.get_num_threads()} "
        "threads)",
    ])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
