"""What a library's own modules give while they run, and what is given in their place."""

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


@contextmanager
def kept_inputs(modules: Iterable[nn.Module]) -> Iterator[list[Tensor]]:
    """Keep the first argument of each module, in the order in which they run."""
    kept: list[Tensor] = []

    def hook(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        kept.append(arguments[0] if arguments else named["hidden_states"])

    with ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield kept


@contextmanager
def doubled(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Let modules give twice what they give: whoever reads them sees a difference."""
    with ExitStack() as hooks:
        for module in modules:
            handle = module.register_forward_hook(lambda _, __, output: output * 2)
            hooks.callback(handle.remove)
        yield


@contextmanager
def given(module: Any, output: Any) -> Iterator[None]:
    """Let a module give something without running."""
    module.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del module.forward


@contextmanager
def eager(vision: Any) -> Iterator[None]:
    """Let a library's tower attend eagerly, since fused attention has no pattern to give."""
    setting = vision.config._attn_implementation
    vision.set_attn_implementation("eager")
    try:
        yield
    finally:
        vision.set_attn_implementation(setting)
