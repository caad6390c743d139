"""T13: objects vanish or change under the worker. Each picture fails with the reason, and reconcile lists them all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from tests.faults.history import History
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults]

WHOLE = 10
FAILURES = """
from classifier.models import Prediction
result = list(Prediction.objects.filter(state='failed').values_list('failure_code', 'failure_reason', 'failures'))
"""
KEYS = """
from classifier.models import Image
result = list(Image.objects.order_by('id').values_list('storage_key', flat=True))
"""


def plant(media: Path, keys: list[str]) -> Counter[str]:
    """By turns remove, shorten and flip a bit; returns what reconcile must find."""
    planted: Counter[str] = Counter()
    for number, key in enumerate(keys):
        path = media / key
        data = path.read_bytes()
        if number % 3 == 0:
            path.unlink()
            planted["image_missing"] += 1
        elif number % 3 == 1:
            path.write_bytes(data[: len(data) // 2])
            planted["image_altered"] += 1
        else:
            path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
            planted["image_altered"] += 1
    return planted


def reconciled(stack: Stack) -> Counter[str]:
    finished = subprocess.run(
        [sys.executable, "manage.py", "reconcile", "--deep", "--json"],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1, finished.stderr[-2000:]
    found = [json.loads(line) for line in finished.stdout.splitlines()]
    return Counter(entry["kind"] for entry in found if "kind" in entry)


@pytest.mark.parametrize("cases", [pytest.param(15, id="15"), pytest.param(200, id="200", marks=pytest.mark.long)])
def test_t13_objects_lost_or_altered_under_the_worker_are_said_and_listed(
    stack: Stack, history: History, cases: int
) -> None:
    stack.kill("worker")
    with stack.client() as client:
        for seed in range(cases + WHOLE):
            assert history.send(client, seed) == 201
    planted = plant(stack.folder / "media", stack.query(KEYS)[:cases])
    stack.start_worker()
    history.await_quiet(60 + cases)
    failures = stack.query(FAILURES)
    assert len(failures) == cases
    for code, reason, attempts in failures:
        assert code == "stored_file_damaged"
        assert "missing or damaged" in reason
        assert 1 <= attempts <= settings.PREDICTION_MAX_FAILURES
    assert reconciled(stack) == planted
