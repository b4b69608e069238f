"""The engine that a configuration asks for."""

from contextlib import AbstractContextManager, nullcontext

from precompute.config import Config
from precompute.models import device_of
from precompute.runner.engine import Engine, Here


def open_engine(config: Config) -> AbstractContextManager[Engine]:
    """The engine that a configuration asks for, while the block lasts.

    Raises:
        ValueError: Ray is not installed, or the machine has not what its workers ask for.
    """
    scale = config.scale
    if scale.engine == "local":
        return nullcontext(Here())
    try:
        from precompute.runner.ray_engine import open_ray
    except ImportError as error:
        raise ValueError(
            f"engine = 'ray' under [scale] needs Ray; got {error}. "
            ".venv/bin/pip install -r requirements-ray.txt"
        ) from error
    on_gpu = device_of(config.model) == "cuda"
    gpus = scale.gpus if scale.gpus is not None else float(config.model.gpus if on_gpu else 0)
    return open_ray(scale.workers, scale.cpus, gpus)
