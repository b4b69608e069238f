"""Names are found as they were written elsewhere, and never by guessing between two."""

import unicodedata

import pytest

from precompute.images.names import finder, spelt_out


def both(text):
    return unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)


def test_a_name_is_found_in_either_unicode_form():
    for there, asked in (both("für.jpg"), both("für.jpg")[::-1]):
        assert finder([there, "other.jpg"])(asked) == there


def test_a_name_is_found_in_other_capitals_if_one_alone_is_meant():
    find = finder(["Tom.JPG", "x.jpg", "X.jpg", both("Ärger.png")[1]])
    assert find("tom.jpg") == "Tom.JPG"
    assert find("X.jpg") == "X.jpg"
    assert find("X.JPG") is None
    assert find(both("ÄRGER.PNG")[0]) == both("Ärger.png")[1]
    assert find("gone.jpg") is None


def test_a_name_that_is_there_twice_in_form_is_not_guessed():
    assert finder(both("Für.jpg"))("für.JPG") is None
    assert finder(both("für.jpg"))(both("für.jpg")[1]) == both("für.jpg")[1]


@pytest.mark.parametrize("byte", [0x80, 0xE9, 0xFF])
def test_bytes_of_a_name_are_spelt_out(byte):
    name = (b"caf" + bytes([byte])).decode("utf-8", "surrogateescape")
    assert spelt_out(name) == f"caf\\x{byte:02x}"
    assert spelt_out("größe 😀") == "größe 😀"
    assert spelt_out("é\ud83d") == "é\\ud83d"
