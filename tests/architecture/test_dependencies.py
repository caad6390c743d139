"""Every direct dependency has its line with a reason, and no line speaks of one that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def required() -> set[str]:
    """Names of the input lists, without versions and markers."""
    lines = [line for path in (ROOT / "requirements").glob("*.in") for line in path.read_text().splitlines()]
    wanted = [line for line in lines if line.strip() and not line.startswith(("#", "-r", "-c"))]
    return {spell(re.split(r"[\[<>=;~! ]", line)[0]) for line in wanted}


def documented() -> set[str]:
    """Names in the first column of the tables."""
    lines = (ROOT / "docs" / "dependencies.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| package")]
    names = [name for row in rows for name in row.split("|")[1].replace("[s3,google,azure]", "").split(", ")]
    return {spell(name.strip().partition("[")[0]) for name in names} - {"server]"}


def spell(name: str) -> str:
    return name.lower().replace("_", "-")


def test_every_direct_dependency_has_its_reason() -> None:
    assert required() - documented() == set()


def test_no_reason_is_left_of_a_dependency_that_is_gone() -> None:
    assert documented() - required() == set()
