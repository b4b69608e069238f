"""Scores of captions and of answers, and of whole images."""

import math

from store.metrics.metric import Metric

_GROUNDING, _CONCRETENESS = "grounding", "concreteness"  # sections
_UNIT = "0 to 1"
_ONE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)

ANSWERS: dict[str, Metric] = {
    "answer_accuracy": Metric(
        "Questions answered right",
        "share of questions",
        "Short questions about the picture, asked of this layer.",
        range=_ONE,
        yes_or_no=True,
        better="more",
        section=_GROUNDING,
    ),
    "answer_accuracy_detail": Metric(
        "Questions of detail answered right",
        "share of questions",
        "Those that ask for a colour, count, size, kind, part or text, by their words.",
        range=_ONE,
        yes_or_no=True,
        better="more",
        section=_GROUNDING,
    ),
    "answer_accuracy_gist": Metric(
        "Questions of gist answered right",
        "share of questions",
        "All others: what, who, where, why.",
        range=_ONE,
        yes_or_no=True,
        better="more",
        section=_GROUNDING,
    ),
    "answer_bertscore": Metric(
        "Likeness of answers, BERTScore",
        "F1",
        "Answers of this layer against the expected ones, in meaning.",
        range=(-math.inf, 1.0),
        better="more",
        section=_GROUNDING,
    ),
    "answer_rouge_l": Metric(
        "Likeness of answers, ROUGE-L",
        _UNIT,
        "Answers of this layer against the expected ones, by their longest common run of words.",
        range=_ONE,
        better="more",
        section=_GROUNDING,
    ),
}
"""Curves of answers to questions."""

SCORES: dict[str, Metric] = {
    "exact": Metric(
        "Exact match",
        _UNIT,
        "1 if two captions are the same words, else 0.",
        range=_ONE,
        yes_or_no=True,
        better="more",
        likeness=4,
    ),
    "bleu": Metric(
        "BLEU",
        _UNIT,
        "Share of a caption's runs of one to four words that the other has too (sacrebleu).",
        range=_ONE,
        better="more",
        likeness=3,
    ),
    "rouge_l": Metric(
        "ROUGE-L",
        _UNIT,
        "Overlap of two captions by their longest common run of words: 1 is the same words.",
        range=_ONE,
        better="more",
        quality=3,
        likeness=2,
    ),
    "coco_bleu4": Metric(
        "BLEU-4, coco-caption",
        _UNIT,
        "BLEU as coco-caption computes it, a caption at a time.",
        range=_ONE,
        better="more",
    ),
    "coco_rouge_l": Metric(
        "ROUGE-L, coco-caption",
        _UNIT,
        "ROUGE-L as coco-caption computes it: recall counts more than precision.",
        range=_ONE,
        better="more",
        quality=4,
    ),
    "cider": Metric(
        "CIDEr",
        "0 to 10",
        "Overlap of two captions' words and phrases, rare ones counting more (CIDEr-D).",
        range=(0.0, 10.0),
        better="more",
        quality=1,
    ),
    "bertscore": Metric(
        "BERTScore",
        "F1",
        "Likeness of two captions in meaning, word by word, as a language model sees it.",
        range=(-math.inf, 1.0),  # rescaled, what is less alike than by chance is below 0
        better="more",
        quality=2,
        likeness=1,
    ),
    "label": Metric(
        "Names the class",
        "0 or 1",
        "Whether the caption names the picture's class, or "
        "its kind: a guitar, of an electric guitar.",
        range=_ONE,
        yes_or_no=True,
        better="more",
        quality=6,
        section=_GROUNDING,
    ),
    "class_name": Metric(
        "Right class",
        "0 or 1",
        "Whether the caption is the name of the picture's class: of a CLIP that chooses among "
        "those names, its zero-shot accuracy.",
        range=_ONE,
        yes_or_no=True,
        better="more",
        quality=5,
        section=_GROUNDING,
    ),
    "uniqueness": Metric(
        "Unique captions",
        "share of images",
        "Images whose caption at this layer no other image has.",
        range=_ONE,
        yes_or_no=True,
        section=_GROUNDING,
    ),
    "repetition": Metric(
        "Repetition",
        "share",
        "Share of a caption's word pairs that repeat.",
        range=_ONE,
        better="less",
        section=_GROUNDING,
    ),
    "n_nouns": Metric(
        "Different nouns (proxy)",
        "nouns",
        "A proxy of abstract to concrete that needs no judge: how many things are named.",
        range=_POSITIVE,
        section=_CONCRETENESS,
    ),
    "noun_depth": Metric(
        "Depth of nouns (proxy)",
        "steps in WordNet",
        "A proxy of abstract to concrete that needs no judge: how specific the nouns are.",
        range=_POSITIVE,
        section=_CONCRETENESS,
    ),
}
"""What `precompute.metrics` computes of captions, by the same names."""

STATE_COSINE = "state_cosine"
"""Of a state of a broken picture and the clean one's; its rows lie in `score`."""

OTHERS: dict[str, Metric] = {
    STATE_COSINE: Metric(
        "Likeness of states",
        "cosine",
        "Cosine between a token's state with the picture broken and with it clean, mean over "
        "tokens: 1 is the same direction.",
        range=(-1.0, 1.0),
        better="more",
    ),
    "divergence_layer": Metric(
        "First layer of divergence",
        "layer",
        "The first layer whose caption is not the one that the unedited model gives of the clean "
        "picture there, word for word. Pictures without such a layer have no value.",
        range=_POSITIVE,
    ),
    "attn_to_box": Metric(
        "Attention to the box",
        "share of attention",
        "How much of its attention the CLS token gives to the box that is drawn on the "
        "picture; to all patches, if there is none.",
        range=_ONE,
    ),
    "coco_bleu4_corpus": Metric(
        "Corpus BLEU-4, coco-caption",
        _UNIT,
        "BLEU of all captions of a layer at once, the number that papers report.",
        range=_ONE,
        better="more",
    ),
    "head_effect_rank_correlation": Metric(
        "Trust in the gradient",
        "rank correlation",
        "Whether the gradient ranks heads as their removal does: 1 is the same order.",
        range=(-1.0, 1.0),
        better="more",
    ),
    "word_map_points": Metric(
        "Word maps point at their things",
        "share",
        "Of the things with a mask that the final caption names, and of the layers in which words "
        "are followed: the share in which the word's map is largest on its thing.",
        range=_ONE,
        better="more",
    ),
    "convergence_layer": Metric(
        "Convergence layer",
        "layer",
        "The first layer from which every caption is the final one, word for word.",
        range=_POSITIVE,
    ),
    "confidence_onset": Metric(
        "The decoder is sure",
        "layer",
        "From here up the decoder is nearly as sure of its captions as of the last layer's, and "
        "they hardly repeat themselves. It may be as sure of a tower that knows nothing: the floor "
        "of its log-probability says how sure.",
        range=_POSITIVE,
    ),
    "lasting_divergence_layer": Metric(
        "Divergence for good",
        "layer",
        "The layer from which up no caption is the one that the unedited model gives of the clean "
        "picture there. Pictures whose last caption is the same have no value.",
        range=_POSITIVE,
    ),
    "cider_plateau": Metric(
        "CIDEr levels off",
        "layer",
        "From here up the captions come hardly closer to the references: CIDEr has 95% of the last "
        "layer's.",
        range=_POSITIVE,
    ),
    "final_kl": Metric(
        "Divergence from the last layer's words",
        "nats a token",
        "How far the decoder's words on this state are from its words on the last, over the final "
        "caption: 0 where they are the same.",
        range=_POSITIVE,
        better="less",
        section="confidence",
    ),
    "state_error": Metric(
        "Error of the translated state",
        "share",
        "What of the last layer's state a reader leaves unexplained: 0 is all of it read, 1 as "
        "far off as the mean state.",
        range=_POSITIVE,
        better="less",
        section="readers",
    ),
}
"""Of images, of the data set, and of what is drawn on a picture."""

GAIN = "grounded_gain_"
"""Before a metric's name: its score against own references (or label) minus that of `shuffled`."""

ONSET = "grounding_onset_"
"""Before a metric's name: the layer from which its gain stays high."""

FAMILIES: dict[str, Metric] = {
    GAIN: Metric(
        "Grounded gain, {}",
        "difference",
        "Score against the picture's own references minus the score against other pictures': "
        "0 says nothing of this picture.",
        better="more",
        section=_GROUNDING,
    ),
    ONSET: Metric(
        "Grounding sets in, {}",
        "layer",
        "From here up a caption says at least half as much of its own picture as the last "
        "layer's does.",
        range=_POSITIVE,
    ),
    "convergence_layer_": Metric(
        "Convergence layer, {}",
        "layer",
        "The first layer from which every caption scores 0.9 or more against the final one.",
        range=_POSITIVE,
    ),
}
"""Prefix -> metrics that are made from another, which follows the prefix and stands for {}."""
