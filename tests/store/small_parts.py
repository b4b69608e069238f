"""Parts of a row or two, and what is not one yet."""

from pathlib import Path

from store.disk.runs import read_run
from tests.synthetic import write_capture_part


def stat_rows(layer: int, n: int = 2) -> list[dict[str, object]]:
    """Rows of `layer_stat`, of the images i0, i1, ..."""
    return [
        {"condition_id": "baseline", "image_id": f"i{i}", "layer": layer, "resid_norm": 1.0}
        for i in range(n)
    ]


def hidden(stage: Path) -> list[Path]:
    """What lies half-written in a stage."""
    return [path for path in stage.iterdir() if path.name.startswith(".")]


def capture(run: Path) -> Path:
    """The capture stage of a run."""
    return run / "parts" / read_run(run)["stages"]["capture"]


def add_part(run: Path, name: str, images: list[int]) -> None:
    """Add a part of these images to a capture of the synthetic run's size."""
    write_capture_part(capture(run), name, images, 5, 3, (4, 4))
