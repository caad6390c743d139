"""env.example lists every variable that is read, only those, and with the true defaults."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.environment import read_seconds

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = (ROOT / "docker" / "env.example").read_text(encoding="utf-8")
READERS = {
    "read_text",
    "read_flag",
    "read_integer",
    "read_seconds",
    "read_choice",
    "read_list",
    "read_networks",
    "read_secret",
}


def read_calls() -> dict[str, ast.Call]:
    """Variable → the call of a typed reader that reads it, from all sources."""
    calls: dict[str, ast.Call] = {}
    for floor in ("classifier", "webapp", "tasks", "ml"):
        for path in (ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READERS:
                    first = node.args[0]
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        calls[first.value] = node
    return calls


def listed() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, re.MULTILINE))


def interpolated() -> set[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docker").glob("compose*.yaml"))
    return set(re.findall(r"\$\{([A-Z_]+)", text))


def test_it_lists_every_variable_that_is_read() -> None:
    assert set(read_calls()) - set(listed()) == set()


def test_it_lists_nothing_that_nobody_reads() -> None:
    assert set(listed()) - set(read_calls()) - interpolated() == set()


def test_no_variable_is_listed_twice() -> None:
    names = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE)
    assert sorted(names) == sorted(set(names))


def test_the_numbers_shown_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    for name, call in read_calls().items():
        default = call.args[1].value if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) else None
        if isinstance(default, bool) or not isinstance(default, int | float):
            continue
        monkeypatch.setenv("SHOWN_VALUE", listed()[name])
        assert read_seconds("SHOWN_VALUE", 0.0, low=0.0) == default, name
        compared += 1
    assert compared > 5


def test_a_filled_example_starts_in_production(tmp_path: Path) -> None:
    values = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    filled = {name: value or "x" * 50 for name, value in values.items()}
    settings = {
        **filled,
        "PRODUCTION": "yes",
        "WHATSIT_VAR": str(tmp_path),
        "DATABASE_URL": "postgres://whatsit:x@127.0.0.1:1/whatsit",
        "REDIS_URL": "redis://:x@127.0.0.1:1",
        "STORAGE_URL": "s3://whatsit?endpoint=http://127.0.0.1:1",
        "TRUSTED_PROXIES": "172.30.77.10",
    }
    program = (
        "import django; django.setup(); from django.conf import settings as s; print(s.PRODUCTION, s.ALLOWED_HOSTS)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "classifier.settings", **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout.strip() == "True ['whatsit.example.org']", finished.stderr[-500:]
