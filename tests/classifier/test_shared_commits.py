"""Writes of requests that come together share a commit, and nobody pays for a neighbour's failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from classifier import shared_commits
from classifier.models import Classifier
from classifier.shared_commits import commit_together
from classifier.write_transactions import write_transaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry a transaction that was opened for shared writes."""
    opened: list[str] = []

    def counted() -> object:
        opened.append(threading.current_thread().name)
        return write_transaction()

    monkeypatch.setattr(shared_commits, "write_transaction", counted)
    return opened


def insert(slug: str) -> Callable[[], str]:
    def write() -> str:
        Classifier.objects.create(slug=slug, name=slug)
        return slug

    return write


def run_together(*writes: Callable[[], str]) -> list[Future[str]]:
    """Let the first write wait until all others queue behind it; then they share the next commit."""
    queued, started = threading.Event(), threading.Event()

    def first() -> str:
        started.set()
        assert queued.wait(60)
        return "first"

    def in_thread(write: Callable[[], str]) -> str:
        try:
            return commit_together(write)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(writes) + 1) as threads:
        leading = threads.submit(in_thread, first)
        assert started.wait(60)
        futures = [threads.submit(in_thread, write) for write in writes]
        while len(shared_commits._waiting) < len(writes):
            threading.Event().wait(0.001)
        queued.set()
        leading.result(60)
    return futures


def slugs() -> set[str]:
    return set(Classifier.objects.values_list("slug", flat=True))


def test_a_write_alone_is_committed_when_the_call_returns() -> None:
    assert commit_together(insert("a")) == "a"
    assert slugs() == {"a"}
    assert not connection.in_atomic_block


def test_writes_that_wait_together_share_one_commit(commits: list[str]) -> None:
    futures = run_together(*(insert(f"c{number}") for number in range(8)))
    assert [future.result() for future in futures] == [f"c{number}" for number in range(8)]
    assert len(slugs()) == 8
    assert len(commits) == 2


def test_a_write_that_fails_takes_no_neighbour_with_it() -> None:
    Classifier.objects.create(slug="taken", name="taken")
    good, bad, other = run_together(insert("good"), insert("taken"), insert("other"))
    assert (good.result(), other.result()) == ("good", "other")
    assert isinstance(bad.exception(), IntegrityError)
    assert slugs() == {"taken", "good", "other"}


def test_after_a_lost_database_nobody_is_told_that_it_worked() -> None:
    runs: list[str] = []

    def lose() -> str:
        runs.append("lost")
        raise OperationalError("server closed the connection")

    neighbour, lost = run_together(insert("neighbour"), lose)
    assert isinstance(neighbour.exception(), OperationalError)
    assert isinstance(lost.exception(), OperationalError)
    assert runs == ["lost"]
    assert slugs() == set()


def test_a_transaction_that_cannot_be_opened_fails_everybody_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> object:
        raise OperationalError("no connection")

    with monkeypatch.context() as patch:
        patch.setattr(shared_commits, "write_transaction", refuse)
        with pytest.raises(OperationalError):
            commit_together(insert("a"))
    assert commit_together(insert("b")) == "b"


def test_inside_a_transaction_the_caller_decides() -> None:
    with transaction.atomic():
        commit_together(insert("a"))
        transaction.set_rollback(True)
    assert slugs() == set()


def test_more_writes_than_one_commit_takes_are_all_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_commits, "JOBS_A_COMMIT", 3)
    futures = run_together(*(insert(f"c{number}") for number in range(10)))
    assert {future.result() for future in futures} == slugs()
    assert len(slugs()) == 10
