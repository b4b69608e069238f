"""Numbers taken inside the model: of a layer, of what it says, and of every head."""

import math
from dataclasses import dataclass
from typing import Literal

from store.metrics.metric import Metric

_ATTENTION, _UPDATES, _CONFIDENCE = "attention", "updates", "confidence"  # sections
_NORM = "vector length"
_SHARE = "share"
_NATS = "nats a token"
_ONE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_LOG = (-math.inf, 0.0)

LAYERS: dict[str, Metric] = {
    "attn_to_patches": Metric(
        "Attention to patches A",
        "share of attention",
        "How much of its attention the CLS token gives to the picture's patches; "
        "the rest it gives to itself.",
        range=_ONE,
        section=_ATTENTION,
        class_token=True,
    ),
    "delta_attn": Metric(
        "Change of attention ΔA",
        "difference of shares",
        "A of this layer minus A of the layer below. There is none for layer 1.",
        range=(-1.0, 1.0),
        section=_ATTENTION,
        class_token=True,
    ),
    "map_shift": Metric(
        "Map shift",
        "distance, 0 to 1",
        "How far the attention map moved since the layer below: 0 is the same map, "
        "1 is a map on other patches altogether.",
        range=_ONE,
        section=_ATTENTION,
        class_token=True,
    ),
    "attn_entropy": Metric(
        "Attention entropy",
        "nats",
        "How spread out the attention over patches is: 0 is a single patch, "
        "ln N is all N patches alike.",
        range=_POSITIVE,
        section=_ATTENTION,
        class_token=True,
    ),
    "received_entropy": Metric(
        "Entropy of received attention",
        "nats",
        "How spread out the attention that patches receive is: 0 is all on one patch, "
        "ln N is all N patches alike.",
        range=_POSITIVE,
        section=_ATTENTION,
        class_token=False,
    ),
    "received_shift": Metric(
        "Shift of received attention",
        "distance, 0 to 1",
        "How far the map of received attention moved since the layer below: 0 is the same map, "
        "1 is a map on other patches altogether.",
        range=_ONE,
        section=_ATTENTION,
        class_token=False,
    ),
    "n_outlier_tokens": Metric(
        "Outlier tokens",
        "tokens",
        "Patch tokens whose length is far above the picture's median at this layer.",
        range=_POSITIVE,
        section=_ATTENTION,
    ),
    "update_norm": Metric(
        "Update norm",
        _NORM,
        "Length of what this layer adds to the CLS token: attention and MLP together.",
        range=_POSITIVE,
        section=_UPDATES,
        class_token=True,
    ),
    # The next two are lines of the chart of update_norm.
    "attn_norm": Metric(
        "Attention norm",
        _NORM,
        "Length of what the attention of this layer adds to the CLS token.",
        range=_POSITIVE,
        section=None,
        class_token=True,
    ),
    "mlp_norm": Metric(
        "MLP norm",
        _NORM,
        "Length of what the MLP of this layer adds to the CLS token.",
        range=_POSITIVE,
        section=None,
        class_token=True,
    ),
    "attn_share": Metric(
        "Attention share of the update",
        _SHARE,
        "Part of the CLS token's update that attention makes; the MLP makes the rest. "
        "Outside 0 to 1 the two work against each other.",
        section=_UPDATES,
        class_token=True,
    ),
    "resid_norm": Metric(
        "State norm",
        _NORM,
        "Length of the CLS token's state Z^l.",
        range=_POSITIVE,
        section=_UPDATES,
        class_token=True,
    ),
    "cos_prev": Metric(
        "Likeness to the layer below",
        "cosine",
        "Cosine between the CLS token's states of this layer and the one below: "
        "1 is the same direction.",
        range=(-1.0, 1.0),
        section=_UPDATES,
        class_token=True,
    ),
    # The mean patch is the mean over the picture's patches of their vectors.
    "mean_update_norm": Metric(
        "Update norm, mean patch",
        _NORM,
        "Length of what this layer adds to the mean patch: attention and MLP together.",
        range=_POSITIVE,
        section=_UPDATES,
        class_token=False,
    ),
    # The next two are lines of the chart of mean_update_norm.
    "mean_attn_norm": Metric(
        "Attention norm, mean patch",
        _NORM,
        "Length of what the attention of this layer adds to the mean patch.",
        range=_POSITIVE,
        section=None,
        class_token=False,
    ),
    "mean_mlp_norm": Metric(
        "MLP norm, mean patch",
        _NORM,
        "Length of what the MLP of this layer adds to the mean patch.",
        range=_POSITIVE,
        section=None,
        class_token=False,
    ),
    "mean_attn_share": Metric(
        "Attention share of the mean patch's update",
        _SHARE,
        "Part of the mean patch's update that attention makes; the MLP makes the rest. "
        "Outside 0 to 1 the two work against each other.",
        section=_UPDATES,
        class_token=False,
    ),
    "mean_resid_norm": Metric(
        "State norm, mean patch",
        _NORM,
        "Length of the mean patch's state: the mean of the patches' vectors in Z^l.",
        range=_POSITIVE,
        section=_UPDATES,
        class_token=False,
    ),
    "mean_cos_prev": Metric(
        "Likeness to the layer below, mean patch",
        "cosine",
        "Cosine between the mean patch's states of this layer and the one below: "
        "1 is the same direction.",
        range=(-1.0, 1.0),
        section=_UPDATES,
        class_token=False,
    ),
    "patch_update_norm": Metric(
        "Update norm, patches",
        _NORM,
        "Length of what this layer adds to a patch token, mean over patches.",
        range=_POSITIVE,
        section=_UPDATES,
    ),
    "patch_attn_share": Metric(
        "Attention share, patches",
        _SHARE,
        "Part of a patch token's update that attention makes, mean over patches.",
        section=_UPDATES,
    ),
}
"""Columns of `layer_stat`, in the order of the page Layers."""

CAPTIONS: dict[str, Metric] = {
    "final_logprob": Metric(
        "Final caption's log-probability",
        _NATS,
        "How probable the final caption already is when read from this layer: 0 is certain.",
        range=_LOG,
        better="more",
        section=_CONFIDENCE,
    ),
    "mean_logprob": Metric(
        "Caption log-probability",
        _NATS,
        "How sure the decoder is of the caption that it wrote from this layer: 0 is certain.",
        range=_LOG,
        section=_CONFIDENCE,
    ),
    "n_tokens": Metric(
        "Caption length",
        "tokens",
        "Tokens of the caption, the end token included.",
        range=_POSITIVE,
        section=_CONFIDENCE,
    ),
}
"""Columns of `caption`, likewise."""


@dataclass(frozen=True)
class HeadStatistic:
    """One number of every head.

    Attributes:
        table: in which it is a column.
        rank: its place in menus, the least first; the first that a run has is the default.
        metric: what it means.
    """

    table: Literal["head_stat", "head_effect"]
    rank: int
    metric: Metric


HEADS: dict[str, HeadStatistic] = {
    "attn_to_patches": HeadStatistic("head_stat", 5, LAYERS["attn_to_patches"]),
    "attn_entropy": HeadStatistic("head_stat", 6, LAYERS["attn_entropy"]),
    "contribution_norm": HeadStatistic(
        "head_stat",
        4,
        Metric(
            "Contribution norm",
            _NORM,
            "Length of what a head adds to the CLS token; on a patch, of what that patch gives "
            "to the CLS token through the head.",
            range=_POSITIVE,
            class_token=True,
        ),
    ),
    "contribution_share": HeadStatistic(
        "head_stat",
        3,
        Metric(
            "Contribution share",
            _SHARE,
            "Part of the CLS token's update at this layer that the head makes; "
            "below 0 it works against the update.",
            class_token=True,
        ),
    ),
    "received_entropy": HeadStatistic("head_stat", 9, LAYERS["received_entropy"]),
    "mean_contribution_norm": HeadStatistic(
        "head_stat",
        8,
        Metric(
            "Contribution norm, mean patch",
            _NORM,
            "Length of what a head adds to the mean patch; on a patch, of what that patch gives "
            "to the mean patch through the head.",
            range=_POSITIVE,
            class_token=False,
        ),
    ),
    "mean_contribution_share": HeadStatistic(
        "head_stat",
        7,
        Metric(
            "Contribution share, mean patch",
            _SHARE,
            "Part of the mean patch's update at this layer that the head makes; "
            "below 0 it works against the update.",
            class_token=False,
        ),
    ),
    "gradient": HeadStatistic(
        "head_effect",
        1,
        Metric(
            "Effect by gradient",
            _NATS,
            "How much the head helps the final caption: the gradient of its log-probability in the "
            "head's scale. One backward pass gives it for all heads; it is an estimate.",
        ),
    ),
    "without": HeadStatistic(
        "head_effect",
        2,
        Metric(
            "Effect of removal",
            _NATS,
            "How the final caption's log-probability changes when the head is removed; below 0 the "
            "head helped. Measured for some heads, chosen by the gradient on other images and by "
            "chance.",
        ),
    ),
}
"""The one declaration of heads' statistics, in the order of the tables' columns."""


def head_columns(table: str, class_token: bool | None = None) -> tuple[str, ...]:
    """The statistics that are columns of a table of heads, in its order.

    Args:
        table: its name.
        class_token: only those that a tower with a class token has, or one without.
    """
    return tuple(
        name
        for name, statistic in HEADS.items()
        if statistic.table == table and (class_token is None or statistic.metric.is_of(class_token))
    )


def head_menu() -> tuple[str, ...]:
    """All statistics of heads as menus have them, the default first; a run has some of them."""
    return tuple(sorted(HEADS, key=lambda name: HEADS[name].rank))
