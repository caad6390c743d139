"""The receiver of docs/examples takes what the site signs, and nothing else; docs/webhooks.md shows the same code."""

from __future__ import annotations

import importlib.util
import inspect
import time
from pathlib import Path
from typing import Any

import pytest

from classifier.webhooks import EVENTS
from tasks.webhook_sending import sign

DOCS = Path(__file__).resolve().parents[1] / "docs"
BODY, SECRET, NOW = '{"text": "Grüße"}'.encode(), "whsec_x", 1_795_339_812


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("webhook_receiver_example", DOCS / "examples" / "webhook_receiver.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_site_signs_is_genuine(example: Any) -> None:
    assert example.is_genuine(sign(secret=SECRET, body=BODY, moment=NOW), BODY, SECRET, now=NOW + 299)
    assert example.is_genuine(sign(secret=SECRET, body=BODY, moment=int(time.time())), BODY, SECRET)


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"body": BODY + b" "}, NOW),
        ({"secret": "whsec_y"}, NOW),
        ({"header": sign(secret=SECRET, body=BODY, moment=NOW).replace("t=1", "t=2")}, NOW + 1_000_000_000),
        ({"header": "v1=" + "0" * 64}, NOW),
        ({"header": f"t={NOW}"}, NOW),
        ({"header": f"t={NOW},v1=ü"}, NOW),
        ({"header": "t=x,v1=y"}, NOW),
        ({"header": ""}, NOW),
        ({}, NOW + 301),
        ({}, NOW - 301),
    ],
)
def test_what_was_changed_or_is_old_is_not(example: Any, changes: dict[str, Any], now: int) -> None:
    usual = {"header": sign(secret=SECRET, body=BODY, moment=NOW), "body": BODY, "secret": SECRET}
    assert not example.is_genuine(**{**usual, **changes}, now=now)


def test_the_guide_shows_the_very_code_and_every_event(example: Any) -> None:
    guide = (DOCS / "webhooks.md").read_text(encoding="utf-8")
    assert inspect.getsource(example.is_genuine) in guide
    assert all(f"`{event}`" in guide for event in EVENTS)
