"""What a library's own modules give while they run, for the certificate."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def kept_outputs(
    modules: Iterable[nn.Module], keep: Callable[[Any], Tensor]
) -> Iterator[list[Tensor]]:
    """Keep something of each module's output, in the order in which they run.

    Args:
        modules: of a model.
        keep: what is kept of an output; the rest of it is freed.
    """
    kept: list[Tensor] = []

    def hook(_: nn.Module, __: object, output: Any) -> None:
        kept.append(keep(output))

    with ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_hook(hook).remove)
        yield kept
