"""Beat in real processes: what is due becomes a queued run, once, although two beats ring for it every second."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.stack import Stack, await_that

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        not (shutil.which("redis-server") or shutil.which("valkey-server")), reason="needs redis-server"
    ),
]
MAKE_DUE = """
from datetime import timedelta
from django.utils import timezone
from classifier.classifiers import create_classifier
from classifier.models import Classifier, Dataset
pets = create_classifier(slug="pets", labels=["cat", "dog"])
Dataset.objects.create(classifier=pets, name="one", digest="1" * 64, labels=["cat", "dog"], image_count=20)
create_classifier(slug="empty")
Classifier.objects.update(train_every_hours=24, next_training_at=timezone.now() - timedelta(hours=1))
"""
OUTCOMES = """
from classifier.models import Classifier
result = dict(Classifier.objects.values_list("slug", "schedule_outcome"))
"""
RUNS = """
from classifier.models import TrainingRun
result = [[run.classifier.slug, run.source, run.state] for run in TrainingRun.objects.all()]
"""
SECONDS_TO_NEXT = """
from django.utils import timezone
from classifier.models import Classifier
result = [(row.next_training_at - timezone.now()).total_seconds() for row in Classifier.objects.all()]
"""


@pytest.fixture
def beats(tmp_path: Path) -> Iterator[Stack]:
    """Redis, the database and two workers of the default queue, each with a beat of its own; no train worker."""
    (tmp_path / "var").mkdir()
    stack = Stack(tmp_path / "var", environment={"TRAINING_SCHEDULE_SECONDS": "1", "LOG_LEVEL": "DEBUG"})
    try:
        stack.start_redis()
        stack.migrate()
        stack.query(MAKE_DUE)
        for name in ("default-1", "default-2"):
            options = ["-Q", "default", "-P", "threads", "-c", "4", "-B", "-s", str(tmp_path / name), "-n", f"{name}@x"]
            quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "WARNING"]
            stack.start(name, [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options, *quiet])
        yield stack
    finally:
        stack.__exit__()


def test_a_training_that_is_due_is_queued_once_or_says_why_not(beats: Stack) -> None:
    await_that(lambda: all(beats.query(OUTCOMES).values()), 120, "the schedule has an outcome")
    outcomes = beats.query(OUTCOMES)
    assert outcomes["pets"] == "Queued a training."
    assert outcomes["empty"].startswith("There is nothing to train on: Classifier empty has no pictures yet.")
    log = [beats.folder / f"{name}.out" for name in ("default-1", "default-2")]
    await_that(lambda: all(count_starts(path) >= 2 for path in log), 120, "both beats have rung twice")
    assert beats.query(RUNS) == [["pets", "schedule", "queued"]]
    assert all(22 * 3600 < seconds <= 23 * 3600 for seconds in beats.query(SECONDS_TO_NEXT))
    with redis.Redis(port=beats.redis_port) as broker:
        assert broker.llen("train") == 1


def count_starts(path: Path) -> int:
    """How often this worker's own beat has sent the message."""
    return path.read_text(encoding="utf-8", errors="replace").count("Sending due task start-due-trainings")
