"""T34: versions change under load. No upload fails, and every answer was computed by the version it names."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.history import History
from tests.faults.version_changes import (
    ANSWERS,
    PROMOTE,
    REGISTER,
    STANDING,
    Uploader,
    await_promotion,
    p99,
    peak_megabytes,
    trials_of,
)
from tests.row_makers import png_bytes
from tests.stack import Stack
from tests.stub_predictor import LABELS, grey_sum

pytestmark = [pytest.mark.processes, pytest.mark.faults]

WORKERS = ("worker", "second", "third")


def upload_for(stack: Stack, history: History, first_seed: int, seconds: float) -> None:
    uploader = Uploader(stack, history, first_seed)
    uploader.start()
    time.sleep(seconds)
    uploader.finish()
    history.await_quiet(30)


def resident_megabytes(stack: Stack, name: str) -> float:
    return int(Path(f"/proc/{stack.processes[name].pid}/statm").read_text().split()[1]) * 4096 / 1e6


def swap_under_load(stack: Stack, history: History, swaps: int, pause: float) -> dict[str, Any]:
    """Versions 1 and 2 by turns under 50 uploads a second; returns what was measured."""
    stack.query(REGISTER.format(offset=1))
    upload_for(stack, history, 0, 4)
    for number in (2, 1):  # both are loaded before memory is compared
        stack.query(PROMOTE.format(number=number))
        upload_for(stack, history, 100_000 * number, 0.5)
    before = {name: resident_megabytes(stack, name) for name in WORKERS}
    uploader = Uploader(stack, history, 500_000)
    uploader.start()
    for turn in range(swaps):
        stack.query(PROMOTE.format(number=2 - turn % 2))
        time.sleep(pause)
    uploader.finish()
    history.await_quiet(60)
    grown = max(resident_megabytes(stack, name) - before[name] for name in WORKERS)
    upload_for(stack, history, 900_000, 0.5)
    answers = stack.query(ANSWERS)
    return {
        "wrong": [row for row in answers if row[2] != LABELS[(grey_sum(png_bytes(row[0])) + row[1] - 1) % len(LABELS)]],
        "by": [sum(1 for row in answers if row[0] >= 500_000 and row[1] == number) for number in (1, 2)],
        "last": {row[1] for row in answers if row[0] >= 900_000},
        "usual": p99([row[3] for row in answers if row[0] < 100_000]),
        "swapping": p99([row[3] for row in answers if 500_000 <= row[0] < 900_000]),
        "grown": grown,
    }


@pytest.mark.long  # tests/flows/test_model_swaps.py does the same at a smaller scale
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("swaps", "pause"), [(200, 0.02), (1000, 0.1)])
def test_t34_two_hundred_swaps_under_load_fail_and_mix_up_nothing(
    stack: Stack, history: History, swaps: int, pause: float
) -> None:
    for name in WORKERS[1:]:
        stack.start_worker(name)
    measured = swap_under_load(stack, history, swaps, pause)
    history.check()
    assert set(history.outcomes) == {201}
    assert measured["wrong"] == []
    assert min(measured["by"]) > 0.2 * sum(measured["by"]), measured
    assert measured["last"] == {1}
    assert measured["swapping"] <= 2 * measured["usual"] + 0.25, measured
    assert measured["grown"] <= 100, measured


TWIN = """
import json, shutil, tempfile
from pathlib import Path
from classifier.artifact_storage import save_artifact_folder
from classifier.models import Classifier
from classifier.model_registry import register_version
from classifier.promotion_requests import request_promotion
from ml.starter import starter_folder
folder = Path(tempfile.mkdtemp()) / 'twin'
shutil.copytree(starter_folder(), folder)
manifest = json.loads((folder / 'manifest.json').read_text())
manifest['data_fingerprint'] = 'twin {number}'
(folder / 'manifest.json').write_text(json.dumps(manifest))
version = register_version(
    classifier=Classifier.objects.get(), digest=save_artifact_folder(folder), manifest=manifest, metrics={{}}
)
request_promotion(version=version, user=None, reason='a test')
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_t34_real_models_go_live_by_hand_under_load(tmp_path: Path) -> None:
    with Stack(tmp_path, real_model=True) as stack:
        stack.await_worker()
        history = History(stack)
        with stack.client() as client:
            history.send(client, 0)
        history.await_quiet(120)  # TensorFlow has been loaded
        uploader = Uploader(stack, history, 1)
        uploader.start()
        largest = 0.0
        for number in range(2, 7):
            stack.query(TWIN.format(number=number))
            while stack.query(STANDING)["request"][0] == "waiting":
                largest = max([largest, *(peak_megabytes(each) for each in trials_of(stack))])
            assert await_promotion(stack, "done")["live"] == number
        uploader.finish()
        history.await_quiet(30)
        history.check()
        assert set(history.outcomes) == {201}
        seconds = [row[3] for row in stack.query(ANSWERS) if row[0] > 0]
        assert 100 < largest <= 2000
        assert max(seconds) <= 5, p99(seconds)
