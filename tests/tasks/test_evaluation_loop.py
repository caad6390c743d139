"""The train worker's thread for evaluations: what waits is measured in a child, and its end is in the row."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classifier.evaluation_requests import request_evaluation
from classifier.evaluations import store_evaluation
from classifier.models import Classifier, Dataset, EvaluationRequest, ModelVersion
from tasks.evaluation_loop import EvaluationLoop
from tasks.evaluation_process import measure_in_child

pytestmark = pytest.mark.django_db
State = EvaluationRequest.State


@pytest.fixture
def version(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    for place in ("evaluations", "evaluation_requests"):
        monkeypatch.setattr(f"classifier.{place}.live_sender.send", lambda events: None)
    monkeypatch.setattr("classifier.evaluation_requests.ring_by_name", lambda *arguments, **options: None)
    Dataset.objects.create(classifier=pets, name="d", digest="0" * 64)
    assert pets.live_version
    return pets.live_version


def measured_by(monkeypatch: pytest.MonkeyPatch, work: Callable[[ModelVersion, Callable[[], bool]], str]) -> None:
    monkeypatch.setattr(
        "tasks.evaluation_loop.measure_in_child", lambda version, *, may_go_on: work(version, may_go_on)
    )


def test_what_waits_is_measured_and_running_twice_measures_once(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def work(found: ModelVersion, may_go_on: Callable[[], bool]) -> str:
        assert may_go_on()
        measured.append(str(found))
        store_evaluation(version_id=found.id, figures={"count": 1}, pack=None)
        return ""

    measured_by(monkeypatch, work)
    request = request_evaluation(version=version, user=None)
    for _ in range(2):
        EvaluationLoop().work_off()
    request.refresh_from_db()
    assert (request.state, measured) == (State.DONE, ["v1"])


def test_what_fails_says_why(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_by(monkeypatch, lambda found, may_go_on: "v1 cannot be loaded.")
    request = request_evaluation(version=version, user=None)
    EvaluationLoop().work_off()
    request.refresh_from_db()
    assert (request.state, request.outcome) == (State.FAILED, "v1 cannot be loaded.")


def test_a_worker_that_stops_gives_it_back(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = EvaluationLoop()

    def stop_meanwhile(found: ModelVersion, may_go_on: Callable[[], bool]) -> str:
        loop._stopping.set()
        assert not may_go_on()
        return "It was stopped before it was measured."

    measured_by(monkeypatch, stop_meanwhile)
    request = request_evaluation(version=version, user=None)
    loop.work_off()
    request.refresh_from_db()
    assert (request.state, request.worker) == (State.WAITING, "")


def test_the_lease_is_renewed_while_the_child_works(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.TRAINING_LEASE_SECONDS = 3
    request = request_evaluation(version=version, user=None)

    def work(found: ModelVersion, may_go_on: Callable[[], bool]) -> str:
        before = EvaluationRequest.objects.get(id=request.id).lease_until
        assert before is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert may_go_on()
            after = EvaluationRequest.objects.get(id=request.id).lease_until
            if after != before:
                return "as it should"
        return "never renewed"

    measured_by(monkeypatch, work)
    EvaluationLoop().work_off()
    request.refresh_from_db()
    assert request.outcome == "as it should"


def child_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_child_that_ends_well_leaves_nothing_to_say(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child_that(monkeypatch, tmp_path, f'test "$*" = "manage.py evaluate pets --model {version.id} --tethered"')
    assert measure_in_child(version, may_go_on=lambda: True) == ""


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            'echo "a warning" >&2; echo "CommandError: v1 is gone." >&2; exit 1',
            "v1 is gone.",
        ),
        ('echo "ValueError: no" >&2; exit 3', "The process that measured it ended with exit code 3: ValueError: no"),
        ("kill -9 $$", "was killed (signal 9)"),
    ],
)
def test_a_child_that_fails_is_told_in_a_sentence(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, expected: str
) -> None:
    child_that(monkeypatch, tmp_path, script)
    assert expected in measure_in_child(version, may_go_on=lambda: True)


def test_a_child_that_must_not_go_on_is_ended(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child_that(monkeypatch, tmp_path, "exec sleep 60")
    started = time.monotonic()
    assert "stopped" in measure_in_child(version, may_go_on=lambda: time.monotonic() - started < 0.5)
    assert time.monotonic() - started < 50


def test_a_child_that_never_ends_is_ended_too(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tasks.evaluation_process.MOST_SECONDS", 0.5)
    child_that(monkeypatch, tmp_path, "exec sleep 60")
    assert "not measured within" in measure_in_child(version, may_go_on=lambda: True)
