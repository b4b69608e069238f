from hypothesis import given
from hypothesis import strategies as st

from dashboard.captions.diff import diff_words
from store.text import normalise

captions = st.lists(
    st.sampled_from(("a", "A", "cat", "cat,", "dog", "in", "--", "snow")), max_size=8
).map(" ".join)


def words(pieces, *changes):
    return [word for piece in pieces if piece.change in changes for word in piece.text.split()]


@given(captions, captions)
def test_both_captions_can_be_read_off_the_pieces(before, after):
    pieces = diff_words(before, after)
    assert words(pieces, "kept", "gained") == after.split()
    # Kept words are written as in the new caption: compare what counts of them.
    assert [normalise(word) or word for word in words(pieces, "kept", "lost")] == [
        normalise(word) or word for word in before.split()
    ]


@given(captions)
def test_nothing_changes_against_itself(text):
    assert all(piece.change == "kept" for piece in diff_words(text.upper(), text))


def test_a_lost_word_stands_before_what_took_its_place():
    assert [(p.text, p.change) for p in diff_words("a red cat in snow", "a blue cat")] == [
        ("a", "kept"),
        ("red", "lost"),
        ("blue", "gained"),
        ("cat", "kept"),
        ("in snow", "lost"),
    ]


def test_empty_captions():
    assert diff_words("", "") == []
    assert [(p.text, p.change) for p in diff_words("", "a cat")] == [("a cat", "gained")]
