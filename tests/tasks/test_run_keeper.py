"""A trainer's progress: one share for the whole run that never goes back, told at most once a second."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from classifier.training_runs import ClaimedRun
from tasks.run_keeper import RunKeeper

RUN = ClaimedRun(UUID("01a1fbfc-7767-77be-ba2e-1dfce3a3caa4"), 1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr("tasks.run_keeper.tell_progress", lambda run_id, progress: heard.append(dict(progress)))
    return heard


def test_the_share_of_the_whole_run_only_grows(told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.run_keeper.PUSH_SECONDS", 0)
    keeper = RunKeeper(RUN)
    for phase in ("fetching", "preparing", "features", "training", "measuring"):
        for share in (0.0, 0.5, 1.0):
            keeper.note(phase, share)
    shares = [entry["overall"] for entry in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1


def test_a_run_without_features_spends_its_middle_on_training(
    told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.run_keeper.PUSH_SECONDS", 0)
    keeper = RunKeeper(RUN)
    keeper.note("preparing", 1.0)
    keeper.note("training", 0.5)
    assert told[-1]["overall"] == pytest.approx((0.05 + 0.9) / 2)


def test_the_rest_is_told_only_once_it_is_more_than_a_guess(
    told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.run_keeper.PUSH_SECONDS", 0)
    keeper = RunKeeper(RUN)
    for share in (0.01, 0.2):
        keeper.note("training", share, 480.04)
    assert [entry["remaining_seconds"] for entry in told] == [None, 480.0]


def test_steps_within_a_second_are_told_once(told: list[dict[str, Any]]) -> None:
    keeper = RunKeeper(RUN)
    for step in range(100):
        keeper.note("training", step / 100, 3.0, {"epoch": 1, "epochs": 2, "accuracy": None})
    assert told == [
        {
            "phase": "training",
            "share": 0.0,
            "overall": 0.0,
            "remaining_seconds": None,
            "epoch": 1,
            "epochs": 2,
            "accuracy": None,
        }
    ]
