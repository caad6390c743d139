"""The rows of imports: one worker at a time, and every end is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from classifier import import_jobs
from classifier.classifiers import create_classifier
from classifier.errors import Conflict, NotFound, Refused
from classifier.import_jobs import (
    WORN_OUT,
    ClaimedImport,
    cancel_claimed_import,
    claim_import,
    fail_import,
    find_due_import,
    find_import,
    release_import,
    report_progress,
    request_cancel,
    request_import,
    retry_import,
)
from classifier.import_uploads import forget_ended_uploads
from classifier.models import Dataset, ImportJob
from classifier.object_storage import list_objects, write_verified

pytestmark = pytest.mark.django_db
State = ImportJob.State


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Rings and live events, in order, kept instead of sent."""
    said: list[Any] = []
    monkeypatch.setattr(import_jobs, "ring_by_name", lambda task, arguments: said.append(task))
    monkeypatch.setattr("classifier.import_jobs.live_sender.send", said.append)
    return said


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("owner")


def request(user: User, name: str = "first", **options: Any) -> ImportJob:
    return request_import(classifier_slug="pets", name=name, user=user, place="s3://bucket", **options)


def claim(job: ImportJob, worker: str = "a") -> ClaimedImport:
    claimed = claim_import(job_id=job.id, worker=worker)
    assert claimed
    return claimed


def let_lease_run_out(job: ImportJob) -> None:
    ImportJob.objects.filter(id=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))


def state_of(job: ImportJob) -> str:
    job.refresh_from_db()
    return job.state


def test_a_request_waits_and_rings(user: User, heard: list[Any], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = request(user)
    assert state_of(job) == State.QUEUED
    assert heard == ["tasks.import_jobs.run"]


def test_a_name_that_a_dataset_has_is_refused(user: User) -> None:
    Dataset.objects.create(classifier=create_classifier(slug="pets"), name="first", digest="1")
    with pytest.raises(Conflict, match="has a dataset “first” already"):
        request(user)


def test_a_name_under_way_is_refused(user: User) -> None:
    request(user)
    with pytest.raises(Conflict, match="under way already"):
        request(user)


def test_an_empty_name_is_refused(user: User) -> None:
    with pytest.raises(Refused, match="1 to 120 visible"):
        request(user, "  ")


def test_an_import_is_claimed_once(user: User) -> None:
    job = request(user)
    assert claim_import(job_id=job.id, worker="a")
    assert claim_import(job_id=job.id, worker="b") is None


def test_the_one_that_waited_longest_is_due(user: User) -> None:
    first, _ = request(user), request(user, "second")
    assert find_due_import() == first.id


def test_a_silent_import_goes_into_other_hands_and_the_first_may_say_no_more(user: User) -> None:
    job = request(user)
    silent = claim(job)
    let_lease_run_out(job)
    assert find_due_import() == job.id
    claim(job, "b")
    assert not report_progress(silent, done=5, total=10).is_mine
    assert not fail_import(silent, reason="late")
    assert state_of(job) == State.RUNNING
    assert (job.worker, job.done_count, job.failures) == ("b", 0, 1)


def test_progress_is_kept_told_and_renews_the_lease(
    user: User, heard: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    job = request(user)
    claimed = claim(job)
    let_lease_run_out(job)
    with django_capture_on_commit_callbacks(execute=True):
        standing = report_progress(claimed, done=3, total=10)
    assert standing == import_jobs.ImportStanding(is_mine=True, is_cancelled=False)
    assert find_due_import() is None
    [event] = heard[-1]["imports"]
    assert (event["type"], event["job"], event["done"], event["total"]) == ("import", str(job.id), 3, 10)


def test_a_worker_that_stops_gives_the_import_back(user: User) -> None:
    job = request(user)
    assert release_import(claim(job))
    assert find_due_import() == job.id
    assert (state_of(job), job.failures) == (State.QUEUED, 0)


def test_passing_trouble_is_tried_three_times(user: User) -> None:
    job = request(user)
    for _ in range(2):
        retry_import(claim(job), reason="The storage is away.")
        assert state_of(job) == State.QUEUED
    retry_import(claim(job), reason="The storage is away.")
    assert (state_of(job), job.outcome) == (State.FAILED, "The storage is away.")


def test_what_kills_its_worker_three_times_is_given_up(user: User) -> None:
    job = request(user)
    for _ in range(3):
        claim(job)
        let_lease_run_out(job)
    assert find_due_import() is None
    assert (state_of(job), job.outcome) == (State.FAILED, WORN_OUT)


def test_a_queued_import_is_cancelled_at_once(user: User) -> None:
    job = request(user)
    assert request_cancel(job)
    assert state_of(job) == State.CANCELLED
    assert find_due_import() is None
    assert not request_cancel(job)


def test_a_running_import_hears_that_it_is_cancelled(user: User) -> None:
    job = request(user)
    claimed = claim(job)
    assert request_cancel(job)
    assert report_progress(claimed, done=1, total=2).is_cancelled
    assert cancel_claimed_import(claimed)
    assert state_of(job) == State.CANCELLED


def test_a_cancelled_import_whose_worker_fell_silent_ends(user: User) -> None:
    job = request(user)
    claim(job)
    request_cancel(job)
    let_lease_run_out(job)
    assert find_due_import() is None
    assert state_of(job) == State.CANCELLED


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_an_upload_is_deleted_whichever_way_its_import_ends(user: User, end: str) -> None:
    write_verified("imports/1-abc/000001", b"part")
    job = request(user, storage_key="imports/1-abc")
    assert forget_ended_uploads() == 0
    if end == "fail":
        fail_import(claim(job), reason="no pictures")
    else:
        request_cancel(job)
    assert forget_ended_uploads() == 1
    assert list(list_objects("imports/")) == []
    job.refresh_from_db()
    assert job.storage_key == ""
    assert forget_ended_uploads() == 0


@pytest.mark.parametrize("identifier", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_import_is_not_found(identifier: str, db: None) -> None:
    with pytest.raises(NotFound):
        find_import(identifier)
