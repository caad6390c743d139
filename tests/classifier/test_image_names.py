"""Names of sent files: shown, never trusted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.image_names import clean_name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("shirt.png", "shirt.png"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a/b\\c.jpg", "c.jpg"),
        ("  shirt.png  ", "shirt.png"),
        ("Größe 東京 👟.jpg", "Größe 東京 👟.jpg"),
        ("a\x00b\r\n.png", "ab.png"),
        ("cod\u202egnp.exe", "codgnp.exe"),
        ("lone \ud800 surrogate.png", "lone  surrogate.png"),
        ("", "picture"),
        ("folder/", "picture"),
        ("\x00\x01", "picture"),
        ("x" * 300, "x" * 120),
    ],
)
def test_a_name_is_made_harmless(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


@given(st.text(alphabet=st.characters(codec=None), max_size=400))
def test_any_name_can_be_stored_and_shown(sent: str) -> None:
    name = clean_name(sent)
    assert 0 < len(name) <= 120
    assert not set("/\\") & set(name)
    assert not any(unicodedata.category(character).startswith("C") for character in name)
    name.encode()
