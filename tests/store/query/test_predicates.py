import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.query.predicates import (
    OPERATORS,
    Predicate,
    Quantity,
    format_predicates,
    parse_predicates,
)

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{0,12}", fullmatch=True)
quantities = st.builds(
    Quantity,
    names,
    st.none() | names,
    st.none() | st.integers(0, 99) | st.sampled_from(("max", "min")),
    st.booleans(),
)
predicates = st.builds(
    Predicate, quantities, st.sampled_from(OPERATORS), st.floats(-3e38, 3e38, allow_nan=False)
)


@given(st.lists(predicates, max_size=4).map(tuple))
def test_text_and_back(chosen):
    assert parse_predicates(format_predicates(chosen)) == chosen


def test_spaces_and_any_layer_are_allowed():
    assert parse_predicates(" | delta_attn | @ any >= .5 ; rouge_l : final @ 3<1e-2;") == (
        Predicate(Quantity("delta_attn", absolute=True), ">=", 0.5),
        Predicate(Quantity("rouge_l", "final", 3), "<", 0.01),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map_shift", r"expected metric\[:against\]\[@layer\] < number.*got 'map_shift'"),
        ("map_shift = 1", "expected metric"),
        ("|map_shift > 1", "expected metric"),
        ("map_shift@top > 1", "a layer is a whole number, max, min or any; got 'top'"),
        ("map_shift > much", "a threshold is a number; got 'much'"),
        ("map_shift > nan", "a threshold is an ordinary number; got nan"),
        ("map_shift > 1e39", "a threshold is an ordinary number"),
        ("'; DROP TABLE image; -- > 1", "expected metric"),
        ('a"b > 1', "a metric is a name"),
        ("x" * 10_000, "expected metric"),
    ],
)
def test_what_cannot_be_read_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_predicates(text)


def test_quantities_and_comparisons_are_checked_when_made():
    with pytest.raises(ValueError, match="0 or more, max, min"):
        Quantity("map_shift", layer=-1)
    with pytest.raises(ValueError, match="one of < <= > >=; got '='"):
        Predicate(Quantity("map_shift"), "=", 1.0)
