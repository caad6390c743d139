"""What the tests of changing versions share: code for the stack's questions, steady uploads, how things stand."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from tests.faults.history import History
from tests.stack import Stack, await_that

REGISTER = "from tests.stub_predictor import install_stub_version as install\nresult = install({offset}, live=False)"
PROMOTE = """
from classifier.model_registry import promote
from classifier.models import ModelVersion
promote(version=ModelVersion.objects.get(number={number}), reason='swap')
"""
ANSWERS = """
from classifier.models import Prediction
rows = Prediction.objects.filter(state='done').select_related('image', 'model_version', 'label')
result = [
    [int(row.image.name.removesuffix('.png')), row.model_version.number, row.label.name,
     (row.done_at - row.queued_at).total_seconds()]
    for row in rows
]
"""
ASK = """
from classifier.models import ModelVersion
from classifier.promotion_requests import request_promotion
request_promotion(version=ModelVersion.objects.get(number={number}), user=None, reason='a test')
"""
STANDING = """
from classifier.models import Classifier, LiveVersionChange, ModelVersion, PromotionRequest
from classifier.model_registry import promote
request = PromotionRequest.objects.order_by('-created_at').first()
result = {
    'request': [request.state, request.outcome] if request else None,
    'worker': request.worker if request else '',
    'live': Classifier.objects.get().live_version.number,
    'stages': [v.number for v in ModelVersion.objects.filter(stage='live')],
    'changes': [change.version.number for change in LiveVersionChange.objects.order_by('at')],
}
"""


class Uploader(threading.Thread):
    """Sends one new picture every 20 ms until it is told to stop."""

    def __init__(self, stack: Stack, history: History, first_seed: int) -> None:
        super().__init__()
        self.stack, self.history, self.seed = stack, history, first_seed
        self.stopping = threading.Event()

    def run(self) -> None:
        with self.stack.client() as client:
            due = time.monotonic()
            while not self.stopping.is_set():
                self.history.send(client, self.seed)
                self.seed += 1
                due = max(due + 0.02, time.monotonic() - 0.1)
                self.stopping.wait(max(0.0, due - time.monotonic()))

    def finish(self) -> None:
        self.stopping.set()
        self.join()


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def await_promotion(stack: Stack, state: str, seconds: float = 120) -> dict[str, Any]:
    """Until the newest request has ended so; returns how things stand."""
    await_that(lambda: stack.query(STANDING)["request"][0] == state, seconds, f"the promotion is {state}")
    standing: dict[str, Any] = stack.query(STANDING)
    assert standing["stages"] == [standing["live"]]
    return standing


def trials_of(stack: Stack) -> list[str]:
    """Processes that try a version in this stack's folder."""
    mark = f"WHATSIT_VAR={stack.folder}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"prove" in (entry / "cmdline").read_bytes() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found


def peak_megabytes(process_id: str) -> float:
    """The most memory the process had so far; 0 when it is gone."""
    try:
        lines = (Path("/proc") / process_id / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")), 0.0)
