"""Before any work: is what the configuration names on this machine?"""

from collections.abc import Sequence

import torch

from precompute.config import Config, ScoreConfig, local_path
from precompute.metrics import require_known
from precompute.metrics.bertscore import is_here
from precompute.models import weight_files

_DEMO = "`make demo` shows everything on the small captioner that comes with the project."


class NotReady(Exception):
    """Something that a run needs is missing; the message lists all of it, with the remedies."""


def require_ready(config: Config) -> None:
    """Check device, weights and data of a configuration.

    Raises:
        NotReady: with one line a thing that is missing and how to get it.
        ValueError: a metric that there is not.
    """
    require_known(config.score.metrics)
    missing = []
    if config.model.device == "cuda" and not torch.cuda.is_available():
        missing.append(
            "a CUDA GPU: this machine shows none. Run on a GPU box, or set device = 'cpu' under "
            "[model] and expect minutes an image."
        )
    if not weight_files(config.model):
        name = config.model.path
        missing.append(
            f"the weights of {name}: neither a folder of the project nor in the hub's cache. "
            f"`hf download {name}` gets them (about 16 GB for Flan-T5-XL)."
        )
    missing += [
        f"the images of {dataset.name}: no folder {dataset.path}. Put the data set there, in the "
        f"layout that the loader {dataset.kind!r} reads, or change its path."
        for dataset in config.datasets
        if not local_path(dataset.path).is_dir()
    ]
    missing += _unscorable(config.score, config.score.metrics)
    if missing:
        raise NotReady(
            "this run needs what is not here:\n"
            + "\n".join(f"  - {line}" for line in missing)
            + f"\n{_DEMO}"
        )


def require_scorable(config: ScoreConfig, metrics: Sequence[str]) -> None:
    """Check the names of metrics, and that their models are on this machine.

    Raises:
        NotReady: BERTScore's model is not.
        ValueError: a metric that there is not.
    """
    require_known(metrics)
    for line in _unscorable(config, metrics):
        raise NotReady(f"scoring needs {line}")


def _unscorable(config: ScoreConfig, metrics: Sequence[str]) -> list[str]:
    name = config.bertscore.model
    if "bertscore" not in metrics or is_here(config.bertscore):
        return []
    return [
        f"the BERTScore model {name}: neither a folder of the project nor in the hub's cache. "
        f"`hf download {name}` gets it; or take bertscore out of [score] metrics."
    ]
