"""What maps and updates are called: a tower with a class token has other ones than one without.

The one place that decides these words; pages take them by `Run.class_token`.
"""

from dataclasses import dataclass

from dashboard.names import metrics


@dataclass(frozen=True)
class Tower:
    """The words of one kind of tower.

    Attributes:
        attention: title of a map of attention.
        contribution: title of a map of contributions.
        map: what a map of attention shows, within a sentence.
        legend: what its colours are.
        about: what the maps are of, for a newcomer: one or two sentences.
        states: the same, where curves stand: who is updated.
        reads: how the page Heads begins.
        lookers: above the heads that look at a box.
        share: of what the share in a box is told.
        box: what the measure of the box is.
        largest: why a picture opens at its cell.
        curves: two measures of a picture that are drawn in any case.
        parts: one chart: what a layer adds, and the two parts that make it.
        no_a: why there is no attention to patches; empty where there is.
    """

    attention: str
    contribution: str
    map: str
    legend: str
    about: str
    states: str
    reads: str
    lookers: str
    share: str
    box: str
    largest: str
    curves: tuple[str, str]
    parts: dict[str, str]
    no_a: str


_ADDS = "Of all heads it makes the largest part of its layer's update of"
_PARTS = (metrics.WHOLE, metrics.ATTENTION, metrics.MLP)
_READS = (
    "A layer's attention has several heads. Each reads the picture's patches, the squares it is "
    "cut into, in its own way, and adds what it reads to"
)
_MEAN_PATCH = "the mean patch, the mean of all patches' vectors"

TOWERS = {
    True: Tower(
        attention="CLS attention",
        contribution="Contribution to CLS",
        map="what CLS attends to",
        legend="attention of CLS a patch, share",
        about="CLS is the token that stands for the whole picture.",
        states="CLS is the token that stands for the whole picture.",
        reads=f"{_READS} CLS, the token that stands for the whole picture.",
        lookers="Heads that look there most",
        share="Share of the CLS token's attention",
        box="How much of its attention the CLS token gives to the box that is drawn on the "
        "picture; to all patches, if there is none.",
        largest=f"{_ADDS} the CLS token.",
        curves=("attn_to_patches", "delta_attn"),
        parts=dict(zip(("update_norm", "attn_norm", "mlp_norm"), _PARTS, strict=True)),
        no_a="",
    ),
    False: Tower(
        attention="Attention received",
        contribution="Contribution to the mean patch",
        map="the attention received by each patch",
        legend="attention received by each patch, share",
        about="No token stands for the whole picture here: a map shows what each patch receives of "
        f"all patches' attention, and contributions are to {_MEAN_PATCH}.",
        states="This tower has no token that stands for the whole picture: updates are of "
        f"{_MEAN_PATCH}.",
        reads=f"{_READS} the patches. This tower has no token that stands for the whole picture: "
        f"what a head adds is told of {_MEAN_PATCH}.",
        lookers="Heads by which it receives most",
        share="Share of all patches' attention received",
        box="How much of all patches' attention the box that is drawn on the picture receives; 1, "
        "if there is none.",
        largest=f"{_ADDS} the mean patch.",
        curves=("received_entropy", "received_shift"),
        parts=dict(
            zip(("mean_update_norm", "mean_attn_norm", "mean_mlp_norm"), _PARTS, strict=True)
        ),
        no_a="A, the attention to patches, is 1 by definition in a tower without a class token, "
        "and not shown.",
    ),
}
"""Whether a tower has a class token -> its words."""


def not_of_one_kind(one: bool, two: bool) -> str:
    """That maps of two towers do not compare, as a sentence; empty where they do.

    Args:
        one: whether the first tower has a class token.
        two: likewise of the second.
    """
    if one == two:
        return ""
    return (
        f"These maps are not of one kind: the first is {TOWERS[one].map}, the second "
        f"{TOWERS[two].map}. Each has its own colour scale; values do not compare."
    )
