"""/healthz/* and /metrics: what they say when all is well, and when something is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from classifier.errors import StorageUnavailable
from classifier.heartbeats import beat
from classifier.models import Classifier, Prediction
from classifier.waiting_times import counter_names
from tests.review_makers import answer_all
from tests.row_makers import make_version, upload
from tests.webapp.api_calls import send, send_parts
from webapp.views.health import StorageProbe

pytestmark = pytest.mark.django_db
ADDRESSES = ["/healthz/live", "/healthz/ready", "/healthz/progress", "/metrics"]


def raise_operational(*arguments: object, **options: object) -> None:
    raise OperationalError("down")


def test_a_process_that_answers_is_live_whatever_else_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", raise_operational)
    assert (client.get("/healthz/live").status_code, client.get("/healthz/live").json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_health_page_is_for_reading_only(address: str, client: Client) -> None:
    assert client.post(address).status_code == 405


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_health_page_gives_nobody_a_cookie(address: str, client: Client) -> None:
    assert not client.get(address).cookies


def test_it_is_ready_with_database_migrations_and_storage(client: Client) -> None:
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "storage": "ok"})


def test_it_is_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.health.MigrationExecutor", raise_operational)
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "not reachable")


def test_it_is_not_ready_while_migrations_are_missing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.health.MigrationExecutor.migration_plan", lambda self, targets: ["one"])
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert "manage.py migrate" in answer.json()["database"]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the probe of the storage writes; it starts without a memory."""
    written: list[str] = []
    monkeypatch.setattr("webapp.views.health.storage_probe", StorageProbe())
    monkeypatch.setattr("webapp.views.health.write_verified", lambda key, data: written.append(key))
    return written


def test_it_is_not_ready_without_storage(client: Client, writes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: str, data: bytes) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("webapp.views.health.write_verified", fail)
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "ok")
    assert answer.json()["storage"] == "pictures cannot be written"


def test_a_good_storage_is_not_asked_at_every_look(client: Client, writes: list[str]) -> None:
    for _ in range(3):
        assert client.get("/healthz/ready").status_code == 200
    assert len(writes) == 1


def test_progress_is_good_with_a_worker_and_young_work(pets: Classifier, client: Client) -> None:
    beat(worker="w1", queue="gpu", loaded_versions=[str(pets.live_version_id)])
    upload(1)
    answer = client.get("/healthz/progress")
    body = answer.json()
    assert (answer.status_code, body["status"], body["gpu_workers"], body["ready_workers"]) == (200, "ok", 1, 1)


def test_progress_is_late_when_the_oldest_work_is_old(pets: Classifier, client: Client, settings: Any) -> None:
    beat(worker="w1", queue="gpu")
    upload(1)
    Prediction.objects.update(queued_at=timezone.now() - timedelta(seconds=settings.PROGRESS_LATE_SECONDS + 5))
    answer = client.get("/healthz/progress")
    assert (answer.status_code, answer.json()["status"]) == (503, "late")
    assert answer.json()["oldest_open_seconds"] > settings.PROGRESS_LATE_SECONDS


def test_progress_misses_a_worker(client: Client) -> None:
    answer = client.get("/healthz/progress")
    assert (answer.status_code, answer.json()["status"]) == (503, "no worker")


def test_progress_names_alarms_and_workers_behind(pets: Classifier, client: Client) -> None:
    old = make_version(pets, "2" * 64)
    beat(worker="w1", queue="gpu", loaded_versions=[str(old.id)], alarm="model not loadable: v3")
    body = client.get("/healthz/progress").json()
    assert (body["skewed_workers"], body["alarms"]) == (["w1"], ["model not loadable: v3"])


def test_progress_without_the_database_is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.health.oldest_open_age_seconds", raise_operational)
    assert client.get("/healthz/progress").status_code == 503


def read_metrics(client: Client) -> dict[tuple[str, ...], float]:
    """Every sample: (name, label values…) → value."""
    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_metrics_show_queue_workers_and_live_model(pets: Classifier, client: Client) -> None:
    upload(1)
    upload(2, priority=0)
    beat(worker="w1", queue="gpu", batch_size=8, counters={"predictions.done": 5, "stage.read": 0.5, "batches": 2})
    samples = read_metrics(client)
    assert samples["whatsit_queue_length", "0"] == 1
    assert samples["whatsit_queue_length", "5"] == 1
    assert samples["whatsit_queue_oldest_seconds",] >= 0
    assert samples["whatsit_gpu_workers",] == 1
    assert samples["whatsit_live_model", "pets"] == 1
    assert samples["whatsit_predictions_total", "done", "w1"] == 5
    assert samples["whatsit_stage_seconds_total", "read", "w1"] == 0.5
    assert samples["whatsit_batch_size", "w1"] == 8


def test_metrics_show_what_waits_for_review(pets: Classifier, client: Client) -> None:
    upload(1)
    upload(2)
    assert read_metrics(client)["whatsit_review_backlog", "pets"] == 0
    answer_all([0.9, 0.05, 0.05])
    assert read_metrics(client)["whatsit_review_backlog", "pets"] == 2


def test_metrics_show_the_seconds_from_wish_to_answer_as_a_histogram(client: Client, db: None) -> None:
    counters: dict[str, float] = {}
    for seconds in (0.04, 0.2, 0.3, 7000.0):
        bucket, total = counter_names(Prediction.PERSON_WAITS, seconds)
        counters[bucket] = counters.get(bucket, 0) + 1
        counters[total] = counters.get(total, 0) + seconds
    beat(worker="w1", queue="gpu", batch_size=8, counters=counters)
    text = client.get("/metrics").content.decode()
    for bound, count in (("0.05", 1), ("0.1", 1), ("0.25", 2), ("0.5", 3), ("3600", 3), ("+Inf", 4)):
        assert f'whatsit_end_to_end_seconds_bucket{{le="{bound}",priority="0",worker="w1"}} {count}.0' in text
    assert 'whatsit_end_to_end_seconds_sum{priority="0",worker="w1"} 7000.54' in text
    assert 'whatsit_end_to_end_seconds_count{priority="0",worker="w1"} 4.0' in text


def test_metrics_count_uploads_and_refusals_by_code(pets: Classifier, client: Client) -> None:
    send(client, 1)
    before = read_metrics(client)
    send(client, 2)
    send(client, 2)
    send_parts(client, (b"", "empty.png"))
    after = read_metrics(client)
    assert after["whatsit_uploads_total", "new"] - before["whatsit_uploads_total", "new"] == 1
    assert after["whatsit_uploads_total", "duplicate"] - before.get(("whatsit_uploads_total", "duplicate"), 0) == 1
    name = ("whatsit_refusals_total", "empty_file")
    assert after[name] - before.get(name, 0) == 1


def test_every_metric_of_ours_begins_with_our_name(pets: Classifier, client: Client) -> None:
    names = {key[0] for key in read_metrics(client)}
    assert all(name.startswith(("whatsit_", "python_", "process_")) for name in names)
