"""A configuration and its data sets -> which runs those are, and which parts each has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from precompute.config import Config, DatasetConfig
from precompute.images import ImageItem, ImageSet, fingerprint, load_dataset
from precompute.models import (
    ATTENTION,
    checkpoint_sha256,
    device_of,
    dtype_of,
    versions,
    weights_sha256,
)
from precompute.texts import texts_of, texts_sha256
from store.disk import run_id


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

    def shards_of(self, image_ids: Iterable[str]) -> dict[str, list[ImageItem]]:
        """Part name -> those of its images that have one of these ids; parts without any go."""
        wanted = set(image_ids)
        chosen = {
            name: [item for item in items if item.image_id in wanted]
            for name, items in self.shards.items()
        }
        return {name: items for name, items in chosen.items() if items}


def plan_runs(config: Config) -> list[Plan]:
    """Name the runs of a configuration. Reads weights and images to hash them; loads no model.

    Raises:
        CheckpointMissing: the weights are not on this machine.
    """
    decides = shared_decisions(config)
    return [plan_of(config, dataset, decides) for dataset in config.datasets]


def shared_decisions(config: Config) -> dict[str, object]:
    """What decides the numbers of all runs of a configuration; reads the weights to hash them.

    Raises:
        CheckpointMissing: the weights are not on this machine.
    """
    return {
        "backend": config.model.backend,
        "weights": weights_sha256(config.model),
        "checkpoint": checkpoint_sha256(config.model),
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
        "versions": versions(config.model),
        # Only where it means anything: what decided other models' runs before is what does now.
        **({"taps_above": config.model.deepstack} if config.model.backend == "qwen3_vl" else {}),
        **({"aspect": config.model.aspect} if config.model.aspect != "square" else {}),
        **({"tiles": config.model.tiles} if config.model.tiles > 1 else {}),
        **({"texts": texts_sha256(texts_of(config.model.texts))} if config.model.texts else {}),
    }


def plan_of(config: Config, dataset: DatasetConfig, shared: Mapping[str, object]) -> Plan:
    """The run of one data set; reads its images to hash them.

    Args:
        config: the configuration.
        dataset: the data set, of this configuration or of another one.
        shared: from `shared_decisions`, or what decides another run of this configuration.
    """
    items = load_dataset(dataset)
    decides = {**shared, "data": fingerprint(items)}
    return Plan(config, dataset, items, decides, run_id(dataset.name, decides))
