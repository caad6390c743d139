"""A large batch costs each file the same few queries and no memory; what happens beside it is seen."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from classifier import batch_running, batch_sending
from classifier.batch_jobs import (
    ClaimedBatch,
    FoundFile,
    SentItem,
    claim_batch,
    find_or_create_batch,
    list_files,
    read_unsent,
)
from classifier.batch_places import open_place
from classifier.batch_results import BatchResult, read_ended
from classifier.batch_sending import Wish
from classifier.deletions import Asker, delete_rows
from classifier.errors import StorageUnavailable
from classifier.models import BatchJob, Classifier, Deletion, Image, Prediction
from classifier.object_storage import list_objects
from classifier.upload_requests import UploadAnswer
from classifier.uploads import accept_upload
from tests.batch_makers import answer_waiting, write_pictures

pytestmark = pytest.mark.django_db


def start(pets: Classifier, files: Iterator[FoundFile], places: list[str]) -> ClaimedBatch:
    batch_id = find_or_create_batch(classifier=pets, wished_version=None, places=places)
    batch = claim_batch(batch_id=batch_id, worker="test")
    assert batch
    return list_files(batch, files, on_listed=lambda count: None)


@dataclass
class Cost:
    queries: int = 0
    rows: int = 0


def run_refused(pets: Classifier, count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[float, int]:
    """(queries, peak bytes) of a batch whose files are all refused without being read."""
    monkeypatch.setattr(
        batch_sending,
        "send_items",
        lambda items, wish, is_stopping: [
            SentItem(item.number, refusal_code="empty_file", refusal="Empty.") for item in items
        ],
    )
    cost = Cost()

    def count_query(execute: object, sql: str, *rest: object) -> object:
        cost.queries += 1
        return execute(sql, *rest)  # type: ignore[operator]

    def take(results: list[BatchResult]) -> None:
        cost.rows += len(results)

    tracemalloc.start(1)
    with connection.execute_wrapper(count_query):
        batch = start(pets, (FoundFile(0, f"/p/{number:07}.png") for number in range(count)), [f"/{count}"])
        batch_running.run_batch(
            batch=batch,
            wish=Wish("pets", None, []),
            most_waiting=1000,
            threads=0,
            on_results=take,
            say=lambda sentence: None,
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cost.rows == count
    return cost.queries, peak


def test_each_file_costs_the_same_few_queries(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    few, _ = run_refused(pets, 100, monkeypatch)
    more, _ = run_refused(pets, 400, monkeypatch)
    assert (more - few) / 300 < 0.4


@pytest.mark.long
def test_ten_times_the_files_take_the_same_memory(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    few_queries, few_bytes = run_refused(pets, 2_000, monkeypatch)
    many_queries, many_bytes = run_refused(pets, 20_000, monkeypatch)
    assert many_queries / 20_000 < 1.1 * few_queries / 2_000
    assert many_bytes < 1.3 * few_bytes + 500_000


def run(
    pets: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch, *, most_waiting: int = 100
) -> list[BatchResult]:
    """All results of a batch over a folder whose pictures are answered at every pause."""
    results: list[BatchResult] = []
    batch = start(pets, batch_running.find_files([open_place(str(folder))]), [str(folder)])
    monkeypatch.setattr("classifier.batch_running.sleep", lambda seconds: answer_waiting(pets))
    batch_running.run_batch(
        batch=batch,
        wish=Wish("pets", None, [open_place(str(folder))]),
        most_waiting=most_waiting,
        threads=0,
        on_results=results.extend,
        say=lambda sentence: None,
    )
    return results


def test_no_more_files_than_allowed_are_ahead_of_the_answers(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    real = read_ended

    def look(batch: ClaimedBatch, *, first: int, sent: int) -> list[BatchResult]:
        waiting.append(sent - first)
        return real(batch, first=first, sent=sent)

    monkeypatch.setattr(batch_running, "read_ended", look)
    assert len(run(pets, write_pictures(tmp_path / "p", 20), monkeypatch, most_waiting=5)) == 20
    assert max(waiting) == 5


def test_the_same_picture_twice_is_one_image_with_two_results(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pictures(tmp_path / "p", 1)
    write_pictures(folder / "again", 1)
    first, second = run(pets, folder, monkeypatch)
    assert first.image_id == second.image_id
    assert {first.state, second.state} == {"done"}


def test_a_picture_that_was_deleted_is_said_to_be(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = run(pets, write_pictures(tmp_path / "p", 2), monkeypatch)
    delete_rows(image_ids=[UUID(first.image_id)], asked_by=Asker(Deletion.Asker.VISITOR), reason="")
    job = BatchJob.objects.get()
    batch = ClaimedBatch(job.id, job.claim, job.created_at, True, 2, 2)
    assert [result.state for result in read_ended(batch, first=0, sent=2)] == ["deleted", "done"]


def test_a_failed_prediction_says_why(pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_pictures(tmp_path / "p", 1)
    monkeypatch.setattr("tests.classifier.test_batch_running.answer_waiting", fail_waiting)
    [result] = run(pets, folder, monkeypatch)
    assert (result.state, result.code, result.message) == ("failed", "bad_picture", "It cannot be decoded.")
    assert result.to_json()["error"] == {"code": "bad_picture", "message": "It cannot be decoded."}


def fail_waiting(classifier: Classifier) -> int:
    return Prediction.objects.filter(classifier=classifier).update(
        state=Prediction.State.FAILED,
        failure_code="bad_picture",
        failure_reason="It cannot be decoded.",
        done_at=timezone.now(),
    )


def test_trouble_with_the_storage_that_passes_is_waited_out(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = iter([StorageUnavailable(), StorageUnavailable()])
    real = accept_upload

    def accept(**request: Any) -> UploadAnswer:
        if trouble := next(troubles, None):
            raise trouble
        return real(**request)

    monkeypatch.setattr(batch_sending, "accept_upload", accept)
    monkeypatch.setattr(batch_sending, "PAUSES", (0.0, 0.0, 0.0))
    assert [result.state for result in run(pets, write_pictures(tmp_path / "p", 2), monkeypatch)] == ["done", "done"]


def test_trouble_that_stays_ends_it_with_the_rows_as_they_are(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**request: Any) -> UploadAnswer:
        raise StorageUnavailable

    monkeypatch.setattr(batch_sending, "accept_upload", refuse)
    monkeypatch.setattr(batch_sending, "PAUSES", (0.0,))
    with pytest.raises(StorageUnavailable):
        run(pets, write_pictures(tmp_path / "p", 2), monkeypatch)
    assert BatchJob.objects.get().state == "running"


def test_a_chunk_that_is_stopped_leaves_nothing_behind(pets: Classifier, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 3)
    batch = start(pets, batch_running.find_files([open_place(str(folder))]), [str(folder)])
    stops = iter([False, False, True])
    with pytest.raises(batch_sending.Stopped):
        batch_sending.send_items(
            read_unsent(batch, first=0, count=3),
            Wish("pets", None, [open_place(str(folder))]),
            is_stopping=lambda: next(stops),
        )
    assert Image.objects.count() == 0
    assert list(list_objects("images/")) == []
