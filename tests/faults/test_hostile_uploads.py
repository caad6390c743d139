"""T26 through the front door: two thousand damaged and hostile files, each answered with a 201 or a catalogue code."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from classifier.errors import REFUSALS
from tests.classifier.test_image_gate_corpus import make_hostile_files
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults]

SEED = 20261121


def test_t26_every_hostile_file_gets_a_clear_answer_within_five_seconds(stack: Stack) -> None:
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with stack.client() as client:
        for number, data in enumerate(make_hostile_files(SEED, 2000)):
            started = time.monotonic()
            response = client.post("/api/v1/images", files={"file": (f"{number}.png", data)})
            slowest = max(slowest, time.monotonic() - started)
            body = response.json()
            if response.status_code == 201:
                outcomes["accepted"] += 1
                continue
            code = body["error"]["code"]
            assert response.status_code == REFUSALS[code][0], body
            assert response.status_code < 500, body
            outcomes[code] += 1
    assert sum(outcomes.values()) == 2000
    assert outcomes["accepted"] > 0
    assert slowest <= 5, (slowest, outcomes)
