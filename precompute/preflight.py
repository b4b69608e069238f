"""Before any work: is what the configuration names on this machine?"""

import torch

from precompute.config import Config, local_path
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
    if "bertscore" in config.score.metrics and not is_here(config.score.bertscore):
        name = config.score.bertscore.model
        missing.append(
            f"the BERTScore model {name}: neither a folder of the project nor in the hub's cache. "
            f"`hf download {name}` gets it; or take bertscore out of [score] metrics."
        )
    if missing:
        raise NotReady(
            "this run needs what is not here:\n"
            + "\n".join(f"  - {line}" for line in missing)
            + f"\n{_DEMO}"
        )
