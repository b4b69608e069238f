from collections import Counter

import pytest

from precompute.demo import vocabulary
from precompute.demo.vocabulary import BY_WORD, KINDS, NAMES, PLACES, REALMS, SUBJECTS, WORDS
from precompute.metrics.wordnet import nouns, synset_names


def test_the_book_is_as_large_as_it_should_be():
    assert len(SUBJECTS) == len(BY_WORD) >= 120
    assert len({subject.kind for subject in SUBJECTS}) >= 12
    assert len(PLACES) >= 12
    assert len({subject.code for subject in SUBJECTS}) == len(SUBJECTS)
    assert len(set(WORDS)) == len(WORDS), "a word twice would have two ids"


def test_every_subject_has_a_kind_and_a_realm():
    assert {subject.kind for subject in SUBJECTS} == set(KINDS)
    assert {subject.realm for subject in SUBJECTS} == set(REALMS)
    assert (BY_WORD["poodle"].kind, BY_WORD["poodle"].realm) == ("dog", "animal")
    assert (BY_WORD["cactus"].kind, BY_WORD["cactus"].realm) == ("plant", "plant")
    assert min(Counter(subject.kind for subject in SUBJECTS).values()) >= 2, "a kind of one is none"


def test_wordnet_ids_are_of_what_they_stand_for():
    """Each class of ImageNet is, by WordNet, what the book's word or its kind calls it."""
    known, names = nouns(), synset_names()
    # WordNet files these elsewhere than people do: a hat for an animal, say.
    looser = {"mushroom", "banana", "pineapple", "train", "hotdog", "pretzel", "carrot", "axe"}
    for subject in SUBJECTS:
        if subject.wnid is None or subject.word in looser:
            continue
        sense = int(subject.wnid[1:])
        line = {name for one in (sense, *known.ancestors(sense)) for name in names.get(one, ())}
        called = {subject.word, subject.kind}
        assert any(called & set(name.split()) for name in line), (subject, names[sense])


@pytest.mark.parametrize("name", NAMES)
def test_plurals_are_those_that_wordnet_takes_apart(name):
    several = vocabulary.plural(name)
    known = nouns()
    if known.lemma(several) is None:
        pytest.skip("WordNet has it more often as a verb")
    # "tigers" and "trumpets" are entries of their own; WordNet spells "ax".
    assert known.lemma(several) in {name, "ax"} | (known.first_sense.keys() & {several})
