"""The same weights in both libraries: equal states, patterns and captions.

The one file was written under transformers 5 and the other under 4.26, by LAVIS's modules.
"""

import numpy as np
import pytest


def difference(ours, theirs):
    """The largest, as a share of the largest magnitude."""
    ours, theirs = np.float64(ours), np.float64(theirs)
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize(
    ("what", "bound"),
    [
        ("pixels", 1e-6),
        ("states", 1e-6),
        ("cls_pattern", 2e-6),
        ("contribution", 2e-6),
        ("memory", 1e-3),  # its Q-Former is made to see far more sharply than a trained one
        ("mean_logprob", 1e-4),
        ("final_logprob", 1e-4),
        ("states_float64", 1e-14),
        ("queries_float64", 1e-11),
    ],
)
def test_numbers_are_equal(ours, theirs, what, bound):
    got = difference(ours[what], theirs[what])
    print(f"{what}: {got:.2g} of the largest, {np.abs(theirs[what]).max():.3g}")  # noqa: T201 (-rP shows it)
    assert got <= bound


def test_captions_of_all_layers_are_equal_token_for_token(ours, theirs):
    assert np.array_equal(ours["tokens"], theirs["tokens"])
    assert len({tuple(row) for layer in theirs["tokens"].tolist() for row in layer}) > 3


def test_what_transformers_alone_makes_is_what_lavis_makes(ours, theirs):
    assert difference(ours["states"], theirs["library_states"]) < 1e-6
    pattern = theirs["library_cls_pattern"]
    assert pattern.max() > 0.5, "an even pattern would hide a mistake"
    assert difference(ours["cls_pattern"], pattern) < 2e-6
    for mine, row in zip(ours["tokens"][-1], theirs["library_tokens"], strict=True):
        output = mine[mine >= 0].tolist()
        assert row[1 : 1 + len(output)].tolist() == output
