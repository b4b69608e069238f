"""The arrays of an image under a condition, where the run kept them."""

from store import tensors
from store.catalog import Run
from store.errors import ImageNotFound


def condition_tensors(run: Run, image_id: str, condition_id: str) -> tensors.ImageTensors | None:
    """An image's arrays as an edited model made them.

    Args:
        run: an open run.
        image_id: an image of it.
        condition_id: a condition of it, not the baseline: `Run.tensors` reads that one's.

    Returns:
        The arrays; None if no capture was asked for under this condition.

    Raises:
        ImageNotFound: the file has another image in the row of this one.
    """
    rows = run.sql("SELECT part, row_in_part FROM image WHERE image_id = ?", [image_id])
    for part, row in rows.itertuples(index=False):
        # A stage's parts hold the images of the capture part of the same name, in its order.
        name = str(part).rpartition("/")[2]
        for stage in run.info.get("stages", {}).values():
            path = run.path / "parts" / stage / name / tensors.condition_file(condition_id)
            if path.exists():
                found = tensors.read_image(path, int(row))
                if found.image_id != image_id:
                    raise ImageNotFound(
                        f"row {row} of {path} must be {image_id!r}; got {found.image_id!r}. "
                        "Remove that part and run again.")
                return found
    return None
