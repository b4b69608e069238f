"""What the curves of a data set answer, and which of them stand together."""

from collections.abc import Sequence

from dashboard.names import metrics
from store.metrics import CAPTION_SECTION, METRICS, gains, likeness

GLANCE = "glance"
"""The section that repeats a few curves of the others."""

SETTLES = "settles"
"""The section that has no curves: how many images settle at which layer."""

ATTENTION = "attention"
"""The section that has no curve of A where a tower has no class token."""

READERS = "readers"
"""The section of runs whose layers are read by translators, too; it has figures of its own."""

OF_STATES = (SETTLES, ATTENTION, "updates")
"""Sections without means of captions, which alone may have a floor."""

TITLES = {
    GLANCE: "At a glance",
    CAPTION_SECTION: "What it says",
    "grounding": "Is it this picture",
    READERS: "Read or only present",
    SETTLES: "Where captions settle",
    ATTENTION: "Where it looks",
    "updates": "Who moves the state",
    "confidence": "How sure it is",
    "concreteness": "Abstract to concrete",
}
"""Sections of the page Layers, by their ids in links, in order."""

ABOUT = {
    GLANCE: "The few curves that sum this run up; the other choices have the rest.",
    CAPTION_SECTION: (
        "How close each layer's captions are to the final ones, to those of the layer below, and "
        "to the references."
    ),
    "grounding": (
        "Whether captions are about their own picture, and not merely good sentences. Grounded "
        "gain compares with other pictures' references."
    ),
    READERS: (
        "A low layer is read by a decoder that never saw such states. Where it says nonsense, is "
        "the thing not there, or written in another basis? A translator gives the decoder each "
        "state in the last layer's basis; controls tell what such a map makes up by itself."
    ),
    SETTLES: "From which layer on a picture's caption no longer changes.",
    ATTENTION: "Where the layer looks, as its attention tells it.",
    "updates": "A layer adds attention and an MLP to the state that runs through all layers, the "
    "residual stream; here is how much each adds.",
    "confidence": (
        "Log-probabilities of captions, mean over their tokens, in nats: 0 is certain, -0.7 an "
        "even chance for every token."
    ),
    "concreteness": "From “an animal” to “a penguin”: proxies by WordNet, which need no judge.",
}


def by_section(measured: Sequence[str], readers: bool = False) -> dict[str, list[str]]:
    """Which metrics of a run stand in which section; sections that would be empty are left out.

    Args:
        measured: of the run's curves. Every one is in a section besides the first, which repeats a
            few, but for those that are lines of another's chart.
        readers: whether the run has readers beside the native one.
    """
    listed = list(METRICS)
    sections: dict[str, list[str]] = {section: [] for section in TITLES}
    for metric in measured:
        section = metrics.word(metric).section
        if section is not None:
            sections[section].append(metric)
    for section, names in sections.items():
        if section != CAPTION_SECTION:  # there by name, as the run has them
            names.sort(key=lambda name: listed.index(name) if name in METRICS else -1)
    firsts = (next((name for name in names if name in measured), None) for names in _glance())
    sections[GLANCE] = [name for name in firsts if name is not None]
    always = (SETTLES, READERS) if readers else (SETTLES,)
    return {name: names for name, names in sections.items() if names or name in always}


def _glance() -> tuple[tuple[str, ...], ...]:
    """What is shown at a glance: of each the first that a run has."""
    return (
        (*likeness(), "cider"),
        (*gains(), "label"),
        ("map_shift", "received_shift", "attn_to_patches"),
        ("final_logprob", "mean_logprob"),
        ("update_norm", "mean_update_norm"),
    )
