"""Which tokens a word is made of, with tokenizers that cut words, and with whole texts."""

import pytest

from precompute.maps.words import spoken
from store.text import FUNCTION_WORDS


def pieces(*parts):
    """A tokenizer whose tokens are pieces of text; a caption is stripped, as captioners do."""
    return lambda ids: "".join(parts[k] for k in ids).strip()


def test_a_word_has_the_tokens_that_its_letters_came_with():
    parts = ("A", " po", "od", "le", ",", " and", " a", " red", "-", "fox", "</s>"[:0])
    found = spoken(range(len(parts)), pieces(*parts))
    assert [(word.text, word.tokens) for word in found] == [
        ("poodle", (1, 4)),
        ("red", (7, 8)),
        ("fox", (9, 10)),
    ]
    caption = pieces(*parts)(range(len(parts)))
    assert [caption[word.first : word.end] for word in found] == ["poodle", "red", "fox"]


def test_words_of_one_token_are_one():
    (found,) = spoken([3], lambda ids: "the photo of a Great White")
    assert (found.text, found.tokens) == ("photo of a great white", (0, 1))


def test_a_caption_without_content_has_no_words():
    assert spoken([0, 1], pieces("the", " of")) == []
    assert spoken([], pieces()) == []


@pytest.mark.parametrize("seed", range(3))
def test_tokens_of_the_demos_captions_say_their_words(captioner, pictures, seed, config):
    """Against the words that the tokenizer gives for those tokens alone."""
    prompt = ("a dog", "what is it", "a short image caption.")[seed]
    for ids in captioner.library_captions(pictures, prompt, config.decode.generation):
        text = captioner.text(ids)
        found = spoken(ids, captioner.text)
        assert [word.text for word in found] == [
            word
            for word in "".join(c if c.isalnum() else " " for c in text.lower()).split()
            if word not in FUNCTION_WORDS
        ]
        for word in found:
            assert word.text in captioner.text(ids[slice(*word.tokens)]).lower()
