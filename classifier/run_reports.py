"""How training runs look to programs: a line of a list, and all of one."""

from __future__ import annotations

from typing import Any

from classifier.models import TrainingRun
from classifier.presentation import write_moment
from classifier.run_lists import ListedRun
from classifier.run_presentation import describe_run, version_of
from classifier.version_presentation import describe_verdict, name_version


def list_run(listed: ListedRun) -> dict[str, Any]:
    """One line of a list. `accuracy` is that on the holdout, of the version the run made."""
    run = listed.run
    made = {"id": str(listed.version_id), "version": listed.version_number} if listed.version_id else None
    return {
        "id": str(run.id),
        "classifier": run.classifier.slug,
        "title": listed.title,
        "source": run.source,
        "state": run.state,
        "sentence": listed.sentence,
        "progress": listed.progress if listed.is_active else None,
        "accuracy": listed.accuracy,
        "model": made,
        **_moments(run),
    }


def describe_run_report(run: TrainingRun) -> dict[str, Any]:
    """All of it. Reads the rows that `presentable` brings along."""
    item, version = describe_run(run), version_of(run)
    return {
        "id": item["id"],
        "classifier": item["classifier"],
        "title": item["title"],
        "source": run.source,
        "state": item["state"],
        "sentence": item["sentence"],
        "progress": item["progress"],
        "accuracy": _holdout_accuracy(version.metrics) if version else None,
        "model": name_version(version) if version else None,
        **_moments(run),
        "epoch": item["epoch"],
        "epochs": item["epochs"],
        "remaining_seconds": item["remaining_seconds"],
        "settings": run.settings,
        "data": _describe_data(run),
        "curves": item["curves"],
        "log": item["log"],
        "log_length": item["log_length"],
        "outcome": item["outcome"],
        "verdict": describe_verdict(version) if version else None,
    }


def _describe_data(run: TrainingRun) -> dict[str, Any]:
    """From the snapshot; counts are there once the examples were sorted."""
    snapshot = run.snapshot
    return {
        "datasets": [
            {"id": entry["id"], "name": entry["name"], "images": entry["images"]}
            for entry in snapshot.get("datasets", [])
        ],
        "labels": snapshot.get("labels", []),
        "counts": snapshot.get("counts", {}),
        "left_out": snapshot.get("left_out", {}),
    }


def _moments(run: TrainingRun) -> dict[str, str | None]:
    moments = {"created_at": run.created_at, "started_at": run.started_at, "ended_at": run.ended_at}
    return {name: write_moment(moment) for name, moment in moments.items()}


def _holdout_accuracy(metrics: dict[str, Any]) -> float | None:
    value = (metrics.get("holdout") or {}).get("accuracy")
    return None if value is None else float(value)
