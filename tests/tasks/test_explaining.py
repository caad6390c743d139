"""Making heat maps beside the worker: one at a time, what fails says why, what is our own trouble is tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import StorageUnavailable
from classifier.explanations import heatmap_key, request_explanation
from classifier.models import Classifier, Explanation, Image
from classifier.object_storage import delete_object, read_object
from ml.errors import MlError
from tasks import explaining
from tasks.celery_app import app
from tasks.explaining import ExplanationWork
from tasks.explaining_bell import look
from tasks.explaining_process import explain_in_child
from tasks.explanation_loop import ExplanationLoop
from tests.row_makers import png_bytes, upload

pytestmark = pytest.mark.django_db


class Draws:
    """Says which picture it was given, or raises."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem

    def explain(self, data: bytes) -> bytes:
        if self.problem:
            raise self.problem
        return b"heat over " + data[:8]


@pytest.fixture
def wish(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> Explanation:
    monkeypatch.setattr("classifier.explanations.ring_by_name", lambda *arguments, **options: None)
    monkeypatch.setattr(explaining, "fetch_artifact", lambda digest, cache: Path("/nowhere") / digest)
    monkeypatch.setattr(explaining, "close_old_connections", lambda: None)  # these rows are of an open transaction
    image = upload(1).images[0]
    assert pets.live_version
    return request_explanation(image=image, version=pets.live_version)


def work(problem: Exception | None = None, load: Callable[[Path], Any] | None = None) -> int:
    return ExplanationWork(worker="w1", load=load or (lambda folder: Draws(problem))).run(idle_seconds=0)


def test_what_waits_is_made_and_running_twice_makes_it_once(wish: Explanation) -> None:
    assert (work(), work()) == (1, 0)
    wish.refresh_from_db()
    assert wish.state == "done"
    assert read_object(heatmap_key(wish.image_id, wish.version_id)) == b"heat over " + png_bytes(1)[:8]


def test_a_version_is_loaded_once_for_all_its_pictures(wish: Explanation, pets: Classifier) -> None:
    assert pets.live_version
    request_explanation(image=upload(2).images[0], version=pets.live_version)
    loaded: list[str] = []

    def load(folder: Path) -> Draws:
        loaded.append(folder.name)
        return Draws()

    assert work(load=load) == 2
    assert loaded == ["1" * 64]


def test_a_model_that_cannot_say_why_fails_the_wish_without_its_places(wish: Explanation) -> None:
    assert work(MlError("The files in /secret/place are wrong.")) == 0
    wish.refresh_from_db()
    assert (wish.state, wish.outcome) == ("failed", "This model version cannot say why it answered so.")


def test_a_picture_whose_file_is_gone_fails_the_wish(wish: Explanation) -> None:
    delete_object(Image.objects.get().storage_key)
    assert work() == 0
    wish.refresh_from_db()
    assert (wish.state, wish.outcome) == ("failed", "The stored file of this picture is missing.")


def test_storage_that_is_away_leaves_the_wish_for_later(wish: Explanation) -> None:
    assert work(StorageUnavailable()) == 0
    wish.refresh_from_db()
    assert (wish.state, wish.worker, wish.failures) == ("waiting", "", 0)
    assert wish.lease_until is not None
    Explanation.objects.update(lease_until=None)
    assert work() == 1


def test_the_worker_starts_a_process_only_when_something_waits(
    wish: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []

    def explain(*, may_go_on: Callable[[], bool]) -> bool:
        started.append(may_go_on())
        return work() == 1

    monkeypatch.setattr("tasks.explanation_loop.explain_in_child", explain)
    monkeypatch.setattr("tasks.explanation_loop.connection.close", lambda: None)
    for _ in range(2):
        ExplanationLoop().work_off()
    assert started == [True]


def test_a_process_that_crashes_is_not_started_again_at_once(
    wish: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def crash(*, may_go_on: Callable[[], bool]) -> bool:
        started.append(1)
        return False

    monkeypatch.setattr("tasks.explanation_loop.explain_in_child", crash)
    monkeypatch.setattr("tasks.explanation_loop.connection.close", lambda: None)
    ExplanationLoop().work_off()
    assert started == [1]


@pytest.fixture
def child(tmp_path: Path, settings: Any) -> Callable[[str], int]:
    """A manage.py of these lines in place of ours."""
    settings.BASE_DIR = tmp_path
    return (tmp_path / "manage.py").write_text


def test_how_the_process_ended_is_told(child: Callable[[str], int]) -> None:
    child("import sys; assert sys.argv[1:] == ['explain', '--tethered']")
    assert explain_in_child(may_go_on=lambda: True)
    child("raise SystemExit(3)")
    assert not explain_in_child(may_go_on=lambda: True)


def test_a_stopping_worker_ends_its_process(child: Callable[[str], int]) -> None:
    child("import time; time.sleep(600)")
    assert not explain_in_child(may_go_on=lambda: False)


def test_the_bell_is_heard_on_the_gpu_queue_and_changes_nothing_by_itself(wish: Explanation) -> None:
    assert app.amqp.router.route({}, look.name)["queue"].name == "gpu"
    look()
    assert Explanation.objects.get().state == "waiting"
