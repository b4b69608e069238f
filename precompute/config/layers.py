"""Layers named in a configuration, a condition or a command, held against a tower."""

from collections.abc import Iterable

from precompute.config.settings import Config

HEADS_LAYERS = "layers under [heads]"
QUESTIONS_LAYERS = "layers under [questions]"
JUDGE_LAYERS = "layers under [judge]"


def require_layers(layers: Iterable[int], lowest: int, n_layers: int, what: str) -> list[int]:
    """Layers of a tower, ascending, each once.

    Args:
        layers: as they were named; a layer may come twice, and counts once.
        lowest: 0 where states Z^l are meant, 1 where blocks or their heads are.
        n_layers: L, the blocks of the tower.
        what: whose layers these are, for the message.

    Raises:
        ValueError: the tower does not have one of them; negative ones do not count from the top.

    >>> require_layers([3, 1, 3], 1, 12, "layers under [heads]")
    [1, 3]
    """
    named = sorted(set(layers))
    if wrong := [layer for layer in named if not lowest <= layer <= n_layers]:
        raise ValueError(
            f"{what} must be in {lowest}..{n_layers} for this tower; got "
            f"{', '.join(map(str, wrong))}. Layer l names the state Z^l and the block that makes "
            'it; the paper\'s layers are one less (docs/method.md, "Conditions").'
        )
    return named


def check_layers(config: Config, n_layers: int) -> None:
    """Hold every layer that a configuration names against a tower, before any work.

    Those of conditions are read with the tower at hand (`precompute.interventions.parse`).

    Raises:
        ValueError: the tower does not have one of them.
    """
    if config.heads:
        require_layers(config.heads.layers, 1, n_layers, HEADS_LAYERS)
    if config.questions:
        require_layers(config.questions.layers or (), 0, n_layers, QUESTIONS_LAYERS)
    if config.judge:
        require_layers(config.judge.layers or (), 0, n_layers, JUDGE_LAYERS)
    if config.word_maps:
        named = (*(config.word_maps.layers or ()), *(config.word_maps.captions or ()))
        require_layers(named, 0, n_layers, "layers and captions under [word_maps]")
    if config.faithfulness:
        named = (*(config.faithfulness.layers or ()), *(config.faithfulness.randomised or ()))
        require_layers(named, 1, n_layers, "layers and randomised under [faithfulness]")
    for pruning in config.pruning:
        require_layers(pruning.layers or (), 1, n_layers, f"layers of pruning {pruning.name!r}")
