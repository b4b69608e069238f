"""What metrics are called, in which unit they come, and what they mean, one sentence each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

BadgeColor = Literal["gray", "green", "orange", "red"]


@dataclass(frozen=True)
class Word:
    """One metric in words.

    Attributes:
        label: what an axis or a menu calls it.
        unit: its unit or range.
        meaning: one sentence for a newcomer.
    """

    label: str
    unit: str
    meaning: str

    @property
    def axis(self) -> str:
        """Label and unit, as an axis title."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


LAYER_AXIS = "layer (Z^l)"
"""The one name of the horizontal axis of every curve."""


def layer_name(layer: int, paper: bool) -> str:
    """A layer, in the paper's numbers one less than here: there Z^0 has none.

    >>> layer_name(1, False), layer_name(1, True), layer_name(0, True)
    ('layer 1', 'layer 0', 'embeddings')
    """
    if paper:
        return f"layer {layer - 1}" if layer else "embeddings"
    return f"layer {layer}"


_NORM = "vector length"
_SHARE = "share"
METRICS: dict[str, Word] = {
    "attn_to_patches": Word(
        "Attention to patches A",
        "share of attention",
        (
            "How much of its attention the CLS token gives to the picture's patches; "
            "the rest it gives to itself."
        ),
    ),
    "attn_to_box": Word(
        "Attention to the box",
        "share of attention",
        (
            "How much of its attention the CLS token gives to the box that is drawn on the "
            "picture; to all patches, if there is none."
        ),
    ),
    "delta_attn": Word(
        "Change of attention ΔA",
        "difference of shares",
        ("A of this layer minus A of the layer below. There is none for layer 1."),
    ),
    "map_shift": Word(
        "Map shift",
        "distance, 0 to 1",
        (
            "How far the attention map moved since the layer below: 0 is the same map, "
            "1 is a map on other patches altogether."
        ),
    ),
    "attn_entropy": Word(
        "Attention entropy",
        "nats",
        (
            "How spread out the attention over patches is: 0 is a single patch, "
            "ln N is all N patches alike."
        ),
    ),
    "resid_norm": Word("State norm", _NORM, "Length of the CLS token's state Z^l."),
    "update_norm": Word(
        "Update norm",
        _NORM,
        ("Length of what this layer adds to the CLS token: attention and MLP together."),
    ),
    "attn_norm": Word(
        "Attention norm",
        _NORM,
        ("Length of what the attention of this layer adds to the CLS token."),
    ),
    "mlp_norm": Word(
        "MLP norm", _NORM, ("Length of what the MLP of this layer adds to the CLS token.")
    ),
    "attn_share": Word(
        "Attention share of the update",
        _SHARE,
        (
            "Part of the CLS token's update that attention makes; the MLP makes the rest. "
            "Outside 0 to 1 the two work against each other."
        ),
    ),
    "patch_update_norm": Word(
        "Update norm, patches",
        _NORM,
        ("Length of what this layer adds to a patch token, mean over patches."),
    ),
    "patch_attn_share": Word(
        "Attention share, patches",
        _SHARE,
        ("Part of a patch token's update that attention makes, mean over patches."),
    ),
    "cos_prev": Word(
        "Likeness to the layer below",
        "cosine",
        (
            "Cosine between the CLS token's states of this layer and the one below: "
            "1 is the same direction."
        ),
    ),
    "n_outlier_tokens": Word(
        "Outlier tokens",
        "tokens",
        ("Patch tokens whose length is far above the picture's median at this layer."),
    ),
    "n_tokens": Word("Caption length", "tokens", "Tokens of the caption, the end token included."),
    "mean_logprob": Word(
        "Caption log-probability",
        "nats a token",
        ("How sure the decoder is of the caption that it wrote from this layer: 0 is certain."),
    ),
    "final_logprob": Word(
        "Final caption's log-probability",
        "nats a token",
        ("How probable the final caption already is when read from this layer: 0 is certain."),
    ),
    "contribution_norm": Word(
        "Contribution norm",
        _NORM,
        (
            "Length of what a head adds to the CLS token; on a patch, of what that patch gives "
            "to the CLS token through the head."
        ),
    ),
    "contribution_share": Word(
        "Contribution share",
        _SHARE,
        (
            "Part of the CLS token's update at this layer that the head makes; "
            "below 0 it works against the update."
        ),
    ),
    "gradient": Word(
        "Effect by gradient",
        "nats a token",
        (
            "How much the head helps the final caption: the gradient of its log-probability in the "
            "head's scale. One backward pass gives it for all heads; it is an estimate."
        ),
    ),
    "without": Word(
        "Effect of removal",
        "nats a token",
        (
            "How the final caption's log-probability changes when the head is removed; below 0 the "
            "head helped. Measured, for some heads of each image."
        ),
    ),
    "head_effect_rank_correlation": Word(
        "Trust in the gradient",
        "rank correlation",
        ("Whether the gradient ranks heads as their removal does: 1 is the same order."),
    ),
    "convergence_layer": Word(
        "Convergence layer",
        "layer",
        ("The first layer from which every caption is the final one, word for word."),
    ),
    "convergence_layer_rouge_l": Word(
        "Convergence layer, ROUGE-L",
        "layer",
        ("The first layer from which every caption scores 0.9 or more against the final one."),
    ),
    "convergence_layer_bertscore": Word(
        "Convergence layer, BERTScore",
        "layer",
        ("The first layer from which every caption scores 0.9 or more against the final one."),
    ),
    "rouge_l": Word(
        "ROUGE-L",
        "0 to 1",
        ("Overlap of two captions by their longest common run of words: 1 is the same words."),
    ),
    "exact": Word("Exact match", "0 to 1", "1 if two captions are the same words, else 0."),
    "bertscore": Word(
        "BERTScore",
        "F1",
        ("Likeness of two captions in meaning, word by word, as a language model sees it."),
    ),
    "bleu": Word(
        "BLEU",
        "0 to 1",
        ("Share of a caption's runs of one to four words that the other has too (sacrebleu)."),
    ),
    "cider": Word(
        "CIDEr",
        "0 to 10",
        ("Overlap of two captions' words and phrases, rare ones counting more (CIDEr-D)."),
    ),
    "coco_bleu4": Word(
        "BLEU-4, coco-caption", "0 to 1", ("BLEU as coco-caption computes it, a caption at a time.")
    ),
    "coco_bleu4_corpus": Word(
        "Corpus BLEU-4, coco-caption",
        "0 to 1",
        ("BLEU of all captions of a layer at once, the number that papers report."),
    ),
    "coco_rouge_l": Word(
        "ROUGE-L, coco-caption",
        "0 to 1",
        ("ROUGE-L as coco-caption computes it: recall counts more than precision."),
    ),
    "label": Word(
        "Names the class",
        "0 or 1",
        "Whether the caption names the picture's class, or "
        "its kind: a guitar, of an electric guitar.",
    ),
    "uniqueness": Word(
        "Unique captions",
        "share of images",
        ("Images whose caption at this layer no other image has."),
    ),
    "repetition": Word("Repetition", "share", "Share of a caption's word pairs that repeat."),
    "n_nouns": Word(
        "Different nouns (proxy)",
        "nouns",
        ("A proxy of abstract to concrete that needs no judge: how many things are named."),
    ),
    "noun_depth": Word(
        "Depth of nouns (proxy)",
        "steps in WordNet",
        ("A proxy of abstract to concrete that needs no judge: how specific the nouns are."),
    ),
    "answer_accuracy": Word(
        "Questions answered right",
        "share of questions",
        ("Short questions about the picture, asked of this layer."),
    ),
    "answer_bertscore": Word(
        "Likeness of answers, BERTScore",
        "F1",
        ("Answers of this layer against the expected ones, in meaning."),
    ),
    "answer_rouge_l": Word(
        "Likeness of answers, ROUGE-L",
        "0 to 1",
        ("Answers of this layer against the expected ones, by their longest common run of words."),
    ),
    "fluency_onset": Word(
        "Fluency sets in",
        "layer",
        (
            "From here up the captions are good sentences: the decoder is nearly as sure of them "
            "as of the last layer's, and they hardly repeat themselves."
        ),
    ),
    "cider_plateau": Word(
        "CIDEr levels off", "layer", ("From here up the captions come no closer to the references.")
    ),
}

_FAMILIES = {
    "grounded_gain_": (
        "Grounded gain, {}",
        (
            "Score against the picture's own references minus the score against other pictures': "
            "0 says nothing of this picture."
        ),
    ),
    "grounding_onset_": (
        "Grounding sets in, {}",
        (
            "From here up a caption says at least half as much of its own picture as the last "
            "layer's does."
        ),
    ),
}
"""Prefix -> label and meaning of metrics that are made from another, which follows the prefix."""

AGAINST = {
    "previous": "the layer below",
    "final": "the final caption",
    "reference": "the references",
    "baseline": "the baseline",
    "shuffled": "others' references",
    "label": "the label",
}

_SELF, _ALONE = "self", "alone"
"""What a measure of one caption or state is held against: nothing, and so in words."""

_SAID = {("final_logprob", "final"), ("label", "label")}
"""Metrics whose label says already what they are held against."""

SERIES = {name: text.removeprefix("the ") for name, text in AGAINST.items()} | {_SELF: _ALONE}
"""The same as names in a legend, short enough for two beside each other on a phone."""

CRITERIA = {
    "entities": Word(
        "Entities",
        "1 to 5",
        ("How many distinct things the caption names: 1 few, 3 medium, 5 many."),
    ),
    "specificity": Word(
        "Specificity", "1 to 5", ("How specific they are on average, in attributes and detail.")
    ),
    "information": Word(
        "Information",
        "1 to 5",
        (
            "How much the caption tells, and whether more than the layer before; the first judged "
            "layer counts as 3."
        ),
    ),
    "correspondence": Word("Correspondence", "1 to 5", "How well the caption fits the picture."),
    "mean": Word("Mean", "1 to 5", "The mean over the four criteria."),
}
"""What a judge scores."""

_JUDGED = {
    "judge": Word("Judge {}", "1 to 5", "A judge's score: mean over criteria and judged layers."),
    "judge_rise": Word(
        "Rise, judge {}",
        "points",
        ("A judge's mean score of the last judged layer minus that of the first."),
    ),
    "judge_spread": Word(
        "Spread of votes, judge {}",
        "points",
        ("How far a judge's votes on the same caption lie apart (standard deviation)."),
    ),
}

WHOLE, ATTENTION, MLP = "the whole update", "attention", "MLP"
"""What a layer adds, and the two parts that make it."""


def certificate(parity: Mapping[str, Any] | None) -> tuple[str, str, BadgeColor]:
    """What the parity certificate says: words, icon and colour of a badge."""
    if not parity:
        return "no certificate", ":material/help:", "gray"
    if parity.get("passed"):
        return "passed", ":material/verified:", "green"
    if parity.get("accepted_mismatch"):
        return "mismatch accepted", ":material/warning:", "orange"
    return "certificate failed", ":material/error:", "red"


def word(metric: str) -> Word:
    """A metric in words; one nobody described keeps its name."""
    kind, _, rest = metric.partition(".")
    if kind in _JUDGED and rest:
        judge, _, criterion = rest.rpartition(".")
        if judge and criterion in CRITERIA:
            scored = CRITERIA[criterion]
            return Word(f"{scored.label}, judge {judge}", scored.unit, scored.meaning)
        about = _JUDGED[kind]
        return Word(about.label.format(rest), about.unit, about.meaning)
    for prefix, (label, meaning) in _FAMILIES.items():
        if metric.startswith(prefix):
            of = word(metric.removeprefix(prefix)).label
            return Word(label.format(of), "difference", meaning)
    return METRICS.get(metric, Word(metric.replace("_", " "), "", ""))


def title(metric: str, against: str | None = None) -> str:
    """A metric's label, and for a score what it is held against, unless that goes without saying.

    >>> title("rouge_l", "final"), title("repetition", "self")
    ('ROUGE-L against the final caption', 'Repetition')
    """
    label = word(metric).label
    if against in (None, _SELF) or (metric, against) in _SAID:
        return label
    return f"{label} {held(against)}"


def held(against: str) -> str:
    """What a score is held against, after its name or above its column."""
    return _ALONE if against == _SELF else f"against {AGAINST.get(against, against)}"


def axis(metric: str, against: str | None = None) -> str:
    """The title with its unit."""
    unit = word(metric).unit
    return f"{title(metric, against)} ({unit})" if unit else title(metric, against)
