"""A configuration and its data sets -> which runs those are, and which parts each has."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from precompute.config import Config, DatasetConfig
from precompute.images import ImageItem, ImageSet, fingerprint, load_dataset
from precompute.models import ATTENTION, device_of, dtype_of, weights_sha256
from store.runs import run_id

_DECIDING_LIBRARIES = ("torch", "transformers", "tokenizers", "pillow")


@dataclass(frozen=True)
class Plan:
    """One data set of a configuration, ready to run.

    Attributes:
        config: the configuration.
        dataset: which of its data sets.
        items: its images, and the layout that they were found in.
        decides: everything that decides the run's numbers.
        run_id: the run's name: the data set's and a hash of `decides`.
    """

    config: Config
    dataset: DatasetConfig
    items: ImageSet
    decides: dict[str, object]
    run_id: str

    @property
    def shards(self) -> dict[str, Sequence[ImageItem]]:
        """Part name -> its images."""
        size = self.config.capture.part_size
        return {
            f"images-{start:06d}": self.items[start : start + size]
            for start in range(0, len(self.items), size)
        }


def plan_runs(config: Config) -> list[Plan]:
    """Name the runs of a configuration. Reads weights and images to hash them; loads no model.

    Raises:
        CheckpointMissing: the weights are not on this machine.
    """
    weights = weights_sha256(config.model)
    return [_plan(config, dataset, weights) for dataset in config.datasets]


def _plan(config: Config, dataset: DatasetConfig, weights: str) -> Plan:
    items = load_dataset(dataset)
    decides: dict[str, object] = {
        "backend": config.model.backend,
        "weights": weights,
        "data": fingerprint(items),
        "prompt": config.decode.prompt,
        "generation": config.decode.generation.model_dump(),
        "dtype": str(dtype_of(config.model)).removeprefix("torch."),
        "device": device_of(config.model),
        "attention": ATTENTION,
        "batches": {
            "part": config.capture.part_size,
            "tower": config.capture.batch_size,
            "decoder": config.decode.batch_size,
        },
        "versions": {name: version(name) for name in _DECIDING_LIBRARIES},
    }
    return Plan(config, dataset, items, decides, run_id(dataset.name, decides))
