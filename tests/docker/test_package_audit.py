"""`make audit`: what is held, and what it says of an answer, of half an answer and of none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.package_audit import describe, read_answer, unfounded_pins

ROOT = Path(__file__).resolve().parents[2]
LISTS = sorted(path.name for path in ROOT.glob("requirements*.txt"))


@pytest.mark.parametrize("name", LISTS)
def test_every_package_is_held_by_the_sha_256_of_its_files(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "==" in text
    assert unfounded_pins(text) == []


def test_a_pin_without_one_is_named() -> None:
    text = (
        "one==1.0 ; python_version < '3.12' \\\n    --hash=sha256:00\n    # via two\ntwo[more]==2.0\n    # via three\n"
    )
    assert unfounded_pins(text) == ["two 2.0"]


@pytest.mark.parametrize("name", LISTS)
def test_no_list_says_where_it_was_resolved(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def answer(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


GOOD: dict[str, Any] = {"name": "good", "version": "1", "vulns": []}
SKIPPED: dict[str, Any] = {"name": "unheard", "skip_reason": "Dependency not found"}
BAD: dict[str, Any] = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize("said", ["", "no JSON", "{}", "[]", answer(SKIPPED, SKIPPED)])
def test_a_service_that_says_nothing_is_not_taken_for_good_news(said: str) -> None:
    assert "could not be asked" in describe(read_answer(said))


def test_what_it_does_not_know_is_named() -> None:
    assert describe(read_answer(answer(GOOD, SKIPPED))) == (
        "No known vulnerability in 1 packages. Unknown to the service: unheard."
    )


def test_a_vulnerability_is_told_with_what_mends_it() -> None:
    assert "bad 2: CVE-1 (mended in: 3)" in describe(read_answer(answer(GOOD, BAD, SKIPPED)))
