"""Versions change under load: no upload fails, and every answer was computed by the version it names."""

from __future__ import annotations

import shutil
import threading
from typing import Any

import pytest

from tests.row_makers import png_bytes
from tests.stack import Stack, await_that
from tests.stub_predictor import LABELS, grey_sum

pytestmark = pytest.mark.processes

PROMOTE = "from tests.stub_predictor import install_stub_version; result = install_stub_version({offset})"
REGISTER = "from tests.stub_predictor import install_stub_version; result = install_stub_version({offset}, live=False)"
ANSWERS = """
from classifier.models import Prediction
rows = Prediction.objects.filter(state='done').values_list('image__name', 'model_version__number', 'label__name')
result = [list(row) for row in rows]
"""
OPEN = """
from classifier.models import Prediction
result = Prediction.objects.filter(state__in=['queued', 'claimed']).count()
"""


def test_every_answer_comes_from_the_version_it_names_while_versions_change(stack: Stack) -> None:
    stop = threading.Event()
    statuses: list[int] = []

    def keep_uploading() -> None:
        seed = 0
        with stack.client() as client:
            while not stop.wait(0.02):
                files = {"file": (f"{seed}", png_bytes(seed))}
                statuses.append(client.post("/api/v1/images", files=files).status_code)
                seed += 1

    uploading = threading.Thread(target=keep_uploading)
    uploading.start()
    for offset in range(1, 21):
        stack.query(PROMOTE.format(offset=offset))
    stop.set()
    uploading.join()
    assert set(statuses) == {201}
    await_that(lambda: stack.query(OPEN) == 0, 120, "every prediction has ended")
    answers: list[list[Any]] = stack.query(ANSWERS)
    wrong = [row for row in answers if row[2] != LABELS[(grey_sum(png_bytes(int(row[0]))) + row[1] - 1) % len(LABELS)]]
    assert wrong == []
    assert len({row[1] for row in answers}) > 3


def test_a_named_version_answers_although_another_is_live(stack: Stack) -> None:
    wanted = stack.query(
        "from tests.stub_predictor import install_stub_version; result = install_stub_version(50, live=False)"
    )
    with stack.client() as client:
        sent = client.post(
            "/api/v1/images", files={"file": ("9000", png_bytes(9000))}, params={"wait": 30, "model": wanted}
        ).json()["images"][0]
    assert sent["prediction"]["model"]["id"] == wanted
    assert sent["prediction"]["label"] == LABELS[(grey_sum(png_bytes(9000)) + 50) % len(LABELS)]


def test_a_worker_with_an_empty_disk_fetches_its_model_from_object_storage(stack: Stack) -> None:
    stack.kill("worker")
    shutil.rmtree(stack.folder / "models")
    stack.start_worker()
    with stack.client() as client:
        sent = client.post("/api/v1/images", files={"file": ("9100", png_bytes(9100))}, params={"wait": 30}).json()
    assert sent["images"][0]["state"] == "done"
    assert any((stack.folder / "models").iterdir())
