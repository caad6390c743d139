"""The drain thread's decisions, made here in the test's own thread: which model answers, what happens after trouble."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from django.utils import timezone

from classifier.model_registry import promote
from classifier.models import Classifier, Image, ModelVersion, Prediction, WorkerHeartbeat
from classifier.prediction_requests import request_prediction
from tasks.counters import Counters
from tasks.drain import DrainThread
from tasks.loaded_models import LoadedModels, ModelUnavailable
from tests.row_makers import upload
from tests.stub_predictor import StubPredictor, install_stub_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def first_version(rings: list[str]) -> UUID:
    return UUID(install_stub_version(1))


@pytest.fixture
def drain(first_version: UUID, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> DrainThread:
    settings.PREDICTOR = "tests.stub_predictor.StubPredictor"
    settings.MODEL_CACHE_DIR = tmp_path / "models"
    settings.HEARTBEAT_SECONDS = 0.0
    monkeypatch.setattr("tasks.drain.live_sender.send", lambda events: None)
    monkeypatch.setattr("tasks.drain.close_old_connections", lambda: None)
    return DrainThread()


def make_unloadable(monkeypatch: pytest.MonkeyPatch, *versions: UUID) -> None:
    usual = LoadedModels.get

    def get(self: LoadedModels, version_id: UUID) -> Any:
        if version_id in versions:
            raise ModelUnavailable("/srv/secret/models/manifest.json was altered")
        return usual(self, version_id)

    monkeypatch.setattr(LoadedModels, "get", get)


def answered_by(image: Image) -> UUID | None:
    image.refresh_from_db()
    assert image.current_prediction is not None
    return image.current_prediction.model_version_id


def test_it_answers_all_that_waits(drain: DrainThread, first_version: UUID) -> None:
    images = [upload(seed).images[0] for seed in range(3)]
    drain._drain()
    assert [answered_by(image) for image in images] == [first_version] * 3
    assert drain.images_done == 3


def test_a_picture_given_up_at_its_claim_counts_as_failed(
    drain: DrainThread, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Nobody else counts what kills its worker each time: the alarm on failed predictions must hear of it."""
    image = upload(1).images[0]
    lapsed = timezone.now() - timedelta(minutes=1)
    Prediction.objects.filter(image=image).update(
        state="claimed", lease_until=lapsed, failures=settings.PREDICTION_MAX_FAILURES - 1
    )
    monkeypatch.setattr("tasks.drain.counters", counted := Counters())
    drain._drain()
    assert Prediction.objects.get(image=image).state == "failed"
    assert counted.snapshot()["predictions.failed"] == 1


def test_rows_in_hand_when_the_database_went_away_are_given_back_without_blame(
    drain: DrainThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = upload(1).images[0]

    def go_away(**options: object) -> None:
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as away:
        away.setattr("tasks.batches.complete_batch", go_away)
        with pytest.raises(OperationalError):
            drain._drain()
    assert Prediction.objects.get(image=image).state == "claimed"
    drain._drain()
    row = Prediction.objects.get(image=image)
    assert (row.state, row.failures, row.claim) == ("done", 0, 2)


def test_while_the_new_version_does_not_load_the_one_it_replaced_answers(
    drain: DrainThread, first_version: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain._preload()
    second = UUID(install_stub_version(2))
    make_unloadable(monkeypatch, second)
    image = upload(1).images[0]
    drain._drain()
    assert answered_by(image) == first_version


def test_after_a_restart_the_version_that_was_live_before_stands_in_for_one_that_does_not_load(
    drain: DrainThread, first_version: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = UUID(install_stub_version(2))
    make_unloadable(monkeypatch, second)
    image = upload(1).images[0]
    drain._drain()
    assert answered_by(image) == first_version
    drain._last_beat = 0.0
    drain._beat()
    assert str(second) in WorkerHeartbeat.objects.get().alarm


def test_when_the_version_before_does_not_load_either_the_pictures_wait(
    drain: DrainThread, first_version: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = UUID(install_stub_version(2))
    make_unloadable(monkeypatch, first_version, second)
    image = upload(1).images[0]
    drain._drain()
    assert Prediction.objects.get(image=image).state == "queued"


def test_a_version_asked_for_by_name_that_does_not_load_has_no_stand_in(
    drain: DrainThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = UUID(install_stub_version(2))
    make_unloadable(monkeypatch, second)
    image = upload(1).images[0]
    named = request_prediction(image=image, wished_version=ModelVersion.objects.get(id=second), priority=0)
    drain._drain()
    named.refresh_from_db()
    assert named.state == "queued"


def test_a_version_that_was_only_asked_for_by_name_never_stands_in_for_the_live_one(
    drain: DrainThread, first_version: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain._preload()
    candidate = UUID(install_stub_version(7, live=False))
    named = upload(1).images[0]
    request_prediction(image=named, wished_version=ModelVersion.objects.get(id=candidate), priority=0)
    drain._drain()
    second = UUID(install_stub_version(2))
    make_unloadable(monkeypatch, second)
    drain.models.get(candidate)
    image = upload(2).images[0]
    drain._drain()
    assert answered_by(image) == first_version


def test_live_models_that_do_not_fit_together_are_not_loaded_again_and_again(
    drain: DrainThread, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(StubPredictor, "memory_bytes", settings.MODEL_MEMORY_BYTES)
    other = Classifier.objects.create(slug="other", name="Other")
    pets = ModelVersion.objects.get()
    version = ModelVersion.objects.create(classifier=other, number=1, digest=pets.digest, manifest=pets.manifest)
    promote(version=version, reason="test")
    loads: list[UUID] = []
    usual = LoadedModels._load

    def load(self: LoadedModels, wanted: UUID) -> Any:
        loads.append(wanted)
        return usual(self, wanted)

    monkeypatch.setattr(LoadedModels, "_load", load)
    for _ in range(3):
        drain._preload()
    assert len(loads) == 2


def test_an_alarm_which_anybody_may_read_shows_no_path(
    drain: DrainThread, first_version: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_unloadable(monkeypatch, first_version)
    drain._preload()
    drain._drain()
    alarm = WorkerHeartbeat.objects.get().alarm
    assert str(first_version) in alarm
    assert "/srv/secret" not in alarm


def test_an_alarm_stands_until_that_version_loads_or_is_no_longer_live(
    drain: DrainThread, first_version: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain._preload()
    second = UUID(install_stub_version(2))
    with monkeypatch.context() as broken:
        make_unloadable(broken, second)
        drain._preload()
        drain.models.get(first_version)
        drain._drain()
        assert str(second) in WorkerHeartbeat.objects.get().alarm
    promote(version=ModelVersion.objects.get(id=first_version), reason="test")
    drain._preload()
    drain._drain()
    assert WorkerHeartbeat.objects.get().alarm == ""
