"""What a library's own modules give while they run, and what is given in their place."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
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
            hooks.callback(module.register_forward_hook(_double).remove)
        yield


def _double(_: nn.Module, __: object, output: Any) -> Tensor:
    if not isinstance(output, Tensor):  # twice a tuple is no other state
        raise TypeError(f"expected a block to give a tensor; it gives {type(output).__name__}")
    return output * 2


@contextmanager
def given(module: Any, output: Any) -> Iterator[None]:
    """Let a module give something without running."""
    before = vars(module).get("forward")
    module.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before


@contextmanager
def eager(vision: Any) -> Iterator[None]:
    """Let a library's tower attend eagerly, since fused attention has no pattern to give."""
    setting = vision.config._attn_implementation
    vision.set_attn_implementation("eager")
    try:
        yield
    finally:
        vision.set_attn_implementation(setting)


def kept_patterns(
    vision: Any,
    modules: Sequence[nn.Module],
    class_token: bool,
    run: Callable[[Tensor], object],
    pixels: Float[Tensor, "batch 3 y x"],
) -> list[Float[Tensor, "batch head token"]]:
    """CLS's attention, or what each patch receives, by a library's eager attention, a block each.

    One picture at a time: a full pattern is as many numbers a head as there are pairs of patches.

    Args:
        vision: the library's tower.
        modules: its attention modules, whose second output is their pattern.
        class_token: whether token 0 is CLS, whose attention is kept.
        run: runs the library's tower on pixels.
        pixels: of a batch.
    """

    def read(output: Any) -> Tensor:
        pattern: Tensor = output[1]
        return pattern[:, :, 0].clone() if class_token else pattern.float().mean(2)

    of_pictures = []
    for picture in pixels:
        with eager(vision), kept_outputs(modules, read) as patterns:
            run(picture[None])
        of_pictures.append(patterns)
    return [torch.cat(of_block) for of_block in zip(*of_pictures, strict=True)]
