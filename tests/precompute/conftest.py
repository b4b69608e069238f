"""A tiny random captioner: the real classes, three layers, every weight and bias random."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import (
    CaptureConfig,
    Config,
    DatasetConfig,
    DecodeConfig,
    Generation,
    ModelConfig,
)
from precompute.demo.model import build_config, build_model, build_processor
from precompute.models.huggingface import HuggingFaceCaptioner, view_tower
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch


@pytest.fixture(scope="session")
def captioner():
    processor = build_processor()
    model = build_model(build_config(processor, layers=3, width=32)).eval().requires_grad_(False)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        # Biases start at 0 and norms at 1, which would hide a bias or a norm in the wrong place.
        if weight.ndim == 1 or "token" in name:
            weight.add_(torch.randn_like(weight) * 0.3)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


@pytest.fixture(scope="session")
def pictures():
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (48 + 16 * i, 64, 3), dtype=np.uint8))
        for i in range(5)
    ]


@pytest.fixture(scope="session")
def pixels(captioner, pictures):
    return captioner.pixels(pictures)


@pytest.fixture(scope="session")
def checkpoint(captioner, tmp_path_factory):
    """The tiny captioner as a folder, in the library's file format."""
    folder = tmp_path_factory.mktemp("checkpoint")
    captioner.model.save_pretrained(folder)
    captioner.processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def whoops(pictures, tmp_path_factory):
    """Six pictures in the layout of WHOOPS, the fourth of them broken."""
    folder = tmp_path_factory.mktemp("whoops")
    (folder / "test").mkdir()
    rows = []
    for i, picture in enumerate([*pictures[:3], None, *pictures[3:]]):
        path = folder / "test" / f"{i}.png"
        if picture is None:
            path.write_bytes(b"not a picture")
        else:
            picture.save(path)
        captions = json.dumps([f"a cat number {i}", "a dog"])
        rows.append({"file_name": path.name, "image_id": f"img-{i}", "crowd_captions": captions})
    with (folder / "test" / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def config(checkpoint, whoops):
    """Two pictures a part and three parts; decoder batches that span layers."""
    return Config(
        model=ModelConfig(path=str(checkpoint), device="cpu", dtype="float32"),
        datasets=(DatasetConfig(name="tiny", kind="whoops", path=str(whoops), max_broken=0.2),),
        capture=CaptureConfig(part_size=2, batch_size=2, cls_state=True),
        decode=DecodeConfig(
            prompt="a short image caption.", batch_size=5, generation=Generation(max_new_tokens=4)
        ),
    )


@pytest.fixture
def run(config, captioner):
    """Runs the tiny configuration into a results folder; returns the run's folder."""

    def execute_into(results, config=config, **options):
        (plan,) = plan_runs(config)
        with Watch() as watch:
            return execute(Job(plan, results, lambda: captioner, Maker(watch)), **options)

    return execute_into
