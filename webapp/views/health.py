"""/healthz/live, /healthz/ready, /healthz/progress and /metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from classifier.errors import StorageUnavailable
from classifier.heartbeats import live_workers, skewed_workers
from classifier.object_storage import delete_object, write_verified
from classifier.predictions import oldest_open_age_seconds


def _answer(body: Mapping[str, object], *, good: bool) -> HttpResponse:
    """200 or 503. A 503 here is the answer to the question, not an error of ours: it is not logged as one."""
    response = JsonResponse(body, status=200 if good else 503)
    response._has_been_logged = True  # type: ignore[attr-defined] # what Django's own log_response looks at
    return response


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Database, migrations and storage; 503 with the reason when one is not ready."""
    parts = {"database": _database(), "storage": storage_probe.state()}
    good = all(state == "ok" for state in parts.values())
    return _answer({"status": "ok" if good else "not ready", **parts}, good=good)


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError):
        return "not reachable"
    return "migrations are missing: run manage.py migrate" if pending else "ok"


class StorageProbe:
    """Writes and removes a small object, at most every ten seconds: only a write shows that writing works."""

    key = "health/probe"
    seconds = 10.0

    def __init__(self) -> None:
        self._state = ""
        self._asked_at = -self.seconds

    def state(self) -> str:
        """`ok`, or what is wrong; a good answer is remembered for ten seconds."""
        now = time.monotonic()
        if self._state == "ok" and now - self._asked_at < self.seconds:
            return self._state
        self._asked_at = now
        try:
            write_verified(self.key, b"probe")
            delete_object(self.key)
        except StorageUnavailable:
            self._state = "pictures cannot be written"
        else:
            self._state = "ok"
        return self._state


storage_probe = StorageProbe()


@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """Is work moving? 503 when the oldest open prediction is late or no gpu worker has been heard of."""
    try:
        oldest = oldest_open_age_seconds()
        workers = live_workers("gpu")
        skewed = skewed_workers()
    except (DatabaseError, InterfaceError):
        return _answer({"status": "database not reachable"}, good=False)
    late = oldest > settings.PROGRESS_LATE_SECONDS
    alarms = sorted({worker.alarm for worker in workers if worker.alarm})
    body = {
        "status": "late" if late else ("no worker" if not workers else "ok"),
        "oldest_open_seconds": round(oldest, 1),
        "gpu_workers": len(workers),
        "ready_workers": sum(bool(worker.loaded_versions) for worker in workers),
        "skewed_workers": skewed,
        "alarms": alarms,
    }
    return _answer(body, good=body["status"] == "ok")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
