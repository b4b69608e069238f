"""What edits of the model are called."""

KINDS = {
    "mean": "averaging",
    "confuse": "confusion",
    "skip": "removal",
    "heads": "heads",
    "prune": "pruning",
    "mixed": "several edits",
}
"""Kinds of conditions; the first two are the paper's words."""

MEANINGS = {
    "mean": "Averaging: the layer's attention reads the mean state of many images.",
    "confuse": "Confusion: the residual connection carries the mean state of many images.",
    "skip": "Removal: the layer is left out.",
}

ALGORITHMS = {
    "importance": "Algorithm 1",
    "importance_mask": "Algorithm 1, unweighted",
    "random": "random heads",
    "least_norm": "heads of least norm",
}
"""Who chooses the heads that are pruned; all but the first are controls at equal count."""

LAYER = "edited layer"
PAPER_LAYER = "edited layer, the paper's numbers"
