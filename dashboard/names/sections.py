"""What the curves of a data set answer, and which of them stand together."""

from dashboard.names import metrics as words

SAID = "said"
"""The room of every metric that no other names: likeness of captions."""

SETTLES = "settles"
"""The room that has no curves: how many images settle at which layer."""

TITLES = {
    "glance": "At a glance",
    SAID: "What it says",
    "own": "Is it this picture",
    SETTLES: "Where captions settle",
    "looks": "Where it looks",
    "moves": "Who moves the state",
    "sure": "How sure it is",
    "things": "Abstract to concrete",
}
"""Rooms of the page Layers, in order."""

ABOUT = {
    "glance": "The few curves that tell the story of this run; the other choices have the rest.",
    SAID: "How close each layer's captions are to the final ones, to those of the layer below, and "
    "to the references.",
    "own": "Whether captions are about their own picture, and not merely good sentences. Grounded "
    "gain compares with other pictures' references.",
    SETTLES: "From which layer on a picture's caption no longer changes.",
    "looks": "CLS is the token that stands for the whole picture; its attention tells where the "
    "layer looks.",
    "moves": "A layer adds attention and an MLP to the state that runs through all layers, the "
    "residual stream; here is how much each adds.",
    "sure": (
        "Log-probabilities of captions, mean over their tokens, in nats: 0 is certain, -0.7 an "
        "even chance for every token."
    ),
    "things": "From “an animal” to “a penguin”: proxies by WordNet, which need no judge.",
}

PARTS = {"update_norm": words.WHOLE, "attn_norm": words.ATTENTION, "mlp_norm": words.MLP}
"""One chart: what a layer adds, and the two parts that make it."""

ROOMS = {
    "own": (
        "answer_accuracy",
        "answer_bertscore",
        "answer_rouge_l",
        "label",
        "uniqueness",
        "repetition",
    ),
    "looks": ("attn_to_patches", "delta_attn", "map_shift", "attn_entropy", "n_outlier_tokens"),
    "moves": (
        "update_norm",
        "attn_share",
        "resid_norm",
        "cos_prev",
        "patch_update_norm",
        "patch_attn_share",
    ),
    "sure": ("final_logprob", "mean_logprob", "n_tokens"),
    "things": ("n_nouns", "noun_depth"),
}
"""Metrics by room, besides those of `SAID` and the grounded gains."""

GAINS = tuple(
    f"grounded_gain_{metric}"
    for metric in ("cider", "bertscore", "rouge_l", "coco_rouge_l", "label")
)
"""What grounding is read from, on every page: the first of these that a run has."""

GLANCE = (
    ("bertscore", "rouge_l", "cider", "exact"),
    (*GAINS, "label"),
    ("map_shift", "attn_to_patches"),
    ("final_logprob", "mean_logprob"),
    ("update_norm",),
)
"""What is shown at a glance: of each the first that a run has."""
