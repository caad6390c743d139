"""An import on the web, from the upload to the dataset: killed, cancelled, repeated, in trouble."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from classifier import import_jobs
from classifier.errors import StorageUnavailable
from classifier.import_jobs import claim_import, find_due_import, request_cancel, request_import
from classifier.import_uploads import forget_ended_uploads
from classifier.models import Classifier, Dataset, ImportJob
from classifier.object_storage import list_objects
from tasks import import_work
from tasks.import_keeper import ImportKeeper, ImportStoppedError
from tasks.import_work import carry_out
from tests.import_jobs import queue_upload, zip_bytes

pytestmark = pytest.mark.django_db
State = ImportJob.State


@pytest.fixture(autouse=True)
def quiet(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of its own; no ring and no live message leaves; the keeper's thread has no database here."""
    settings.VAR_DIR = tmp_path / "var"
    monkeypatch.setattr(import_jobs, "ring_by_name", lambda task, arguments: None)
    monkeypatch.setattr("classifier.import_jobs.live_sender.send", lambda events: None)
    monkeypatch.setattr(ImportKeeper, "_keep", lambda keeper: None)


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("owner")


def work(job: ImportJob, *, is_stopping: bool = False) -> bool:
    claimed = claim_import(job_id=job.id, worker="test")
    assert claimed
    went_on = carry_out(claimed, is_stopping=lambda: is_stopping)
    job.refresh_from_db()
    return went_on


def files_left(folder: Path) -> list[Path]:
    return list((folder / "var" / "imports").glob("*"))


def test_an_uploaded_zip_becomes_a_dataset_of_a_new_classifier(user: User, tmp_path: Path) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 4, "dogs": 3}))
    assert work(job)
    assert (job.state, job.outcome) == (State.DONE, "7 pictures of 2 labels.")
    assert job.dataset
    assert job.dataset.image_count == 7
    assert Classifier.objects.get(slug="pets").name == "My pets"
    forget_ended_uploads()
    assert list(list_objects("imports/")) == []
    assert files_left(tmp_path) == []


def test_files_that_are_no_pictures_are_counted_and_listed_on_the_dataset(user: User, tmp_path: Path) -> None:
    (tmp_path / "made-0" / "cats").mkdir(parents=True)
    (tmp_path / "made-0" / "cats" / "notes.txt").write_text("no picture")
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 2, "dogs": 2}))
    work(job)
    assert "1 file could not be used; the dataset lists them." in job.outcome
    assert job.dataset
    assert job.dataset.rejected[0]["name"] == "cats/notes.txt"


def test_the_same_pictures_again_says_so(user: User, tmp_path: Path) -> None:
    data = zip_bytes(tmp_path, {"cats": 2, "dogs": 2})
    work(queue_upload(user, data))
    again = queue_upload(user, data, name="second")
    work(again)
    assert again.state == State.DONE
    assert again.outcome == "These pictures are dataset “first” already. Nothing was added."
    assert Dataset.objects.count() == 1


def test_an_attempt_after_a_kill_behind_the_commit_finds_its_own_dataset(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 2, "dogs": 2}))
    with monkeypatch.context() as patched:
        patched.setattr(import_work, "finish_import", lambda *a, **k: True)
        work(job)
    assert job.state == State.RUNNING
    ImportJob.objects.update(lease_until="2020-01-01T00:00Z")
    assert work(job)
    assert (job.state, job.outcome) == (State.DONE, "4 pictures of 2 labels.")
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"this is no archive", "pets.zip cannot be opened as a ZIP file"), (None, "None of the 1 files is a picture")],
)
def test_an_unusable_upload_fails_with_a_sentence_and_leaves_nothing(
    user: User, tmp_path: Path, data: bytes | None, words: str
) -> None:
    if data is None:
        (tmp_path / "made-0" / "cats").mkdir(parents=True)
        (tmp_path / "made-0" / "cats" / "notes.txt").write_text("no picture")
        data = zip_bytes(tmp_path, {"empty": 0})
    job = queue_upload(user, data)
    assert work(job)
    assert job.state == State.FAILED
    assert words in job.outcome
    assert not Classifier.objects.exists()
    assert list(list_objects("datasets/")) == []
    assert files_left(tmp_path) == []


def test_a_cancelled_import_stops_in_the_middle_and_leaves_nothing(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 5, "dogs": 5}))
    usual = ImportKeeper.note

    def note(keeper: ImportKeeper, done: int, total: int) -> None:
        if done == 3:
            request_cancel(job)
            keeper.renew()
        usual(keeper, done, total)

    monkeypatch.setattr(ImportKeeper, "note", note)
    assert work(job)
    assert (job.state, job.outcome) == (State.CANCELLED, "Cancelled. Nothing was kept.")
    assert job.total_count == 10
    assert job.done_count < 10
    assert not Classifier.objects.exists()
    assert list(list_objects("datasets/")) == []
    assert files_left(tmp_path) == []


def test_a_worker_that_stops_gives_the_import_to_the_next(user: User, tmp_path: Path) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 2, "dogs": 2}))
    assert work(job, is_stopping=True)
    assert (job.state, job.failures) == (State.QUEUED, 0)
    assert work(job)
    assert job.state == State.DONE


def test_an_import_in_other_hands_writes_no_end(user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 2, "dogs": 2}))
    usual = ImportKeeper.note

    def note(keeper: ImportKeeper, done: int, total: int) -> None:
        ImportJob.objects.update(claim=7, worker="another")
        keeper.renew()
        usual(keeper, done, total)

    monkeypatch.setattr(ImportKeeper, "note", note)
    assert not work(job)
    assert (job.state, job.worker) == (State.RUNNING, "another")
    assert not Dataset.objects.exists()


def test_a_storage_that_is_away_is_tried_again_later(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 2, "dogs": 2}))
    with monkeypatch.context() as patched:
        patched.setattr(import_work, "fetch_upload", _raise(StorageUnavailable("The storage is away.")))
        assert not work(job)
    assert (job.state, job.failures) == (State.QUEUED, 1)
    assert work(job)
    assert job.state == State.DONE


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("x"), "unexpectedly (ValueError)"),
    ],
)
def test_whatever_happens_a_sentence_is_left(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception, words: str
) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 1}))
    monkeypatch.setattr(import_work, "import_pictures", _raise(problem))
    assert work(job)
    assert job.state == State.FAILED
    assert words in job.outcome
    assert files_left(tmp_path) == []


def test_a_database_that_is_away_leaves_the_import_to_its_lease(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_upload(user, zip_bytes(tmp_path, {"cats": 1}))
    monkeypatch.setattr(import_work, "import_pictures", _raise(OperationalError("away")))
    with pytest.raises(OperationalError):
        work(job)
    job.refresh_from_db()
    assert job.state == State.RUNNING
    assert find_due_import() is None


def test_a_storage_place_that_is_not_there_fails_with_a_sentence(user: User) -> None:
    job = request_import(classifier_slug="pets", name="first", user=user, place="storage://incoming/nothing")
    work(job)
    assert job.state == State.FAILED
    assert "No labelled pictures lie there" in job.outcome


def test_a_keeper_that_cannot_renew_its_lease_stops(user: User, settings: Any) -> None:
    settings.IMPORT_LEASE_SECONDS = 0.001
    job = request_import(classifier_slug="pets", name="first", user=user, place="s3://bucket")
    claimed = claim_import(job_id=job.id, worker="test")
    assert claimed
    keeper = ImportKeeper(claimed, is_stopping=lambda: False)
    threading.Event().wait(0.01)
    with pytest.raises(ImportStoppedError):
        keeper.note(1, 2)


def _raise(problem: Exception) -> Any:
    def fail(*arguments: Any, **options: Any) -> None:
        raise problem

    return fail
