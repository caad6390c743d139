"""Imports over the socket: for people who may see the work, progress as it happens."""

from __future__ import annotations

from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.test import Client

from classifier.import_jobs import claim_import, describe_import, request_import
from classifier.live_updates import IMPORTS, import_events
from tests.import_jobs import make_owner
from tests.webapp.socket_calls import Socket, cookie_of, push, refusal, session_of, talk
from webapp.consumers import NOT_FOUND, RIGHTS_CHANGED

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def layer_in_memory(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNEL_LAYERS = {
        alias: {"BACKEND": "channels.layers.InMemoryChannelLayer"} for alias in ("default", "sending")
    }
    monkeypatch.setattr("classifier.import_jobs.ring_by_name", lambda task, arguments: None)


@pytest.fixture
def owner(db: None) -> User:
    return make_owner()


def session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return session_of(client)


def test_the_first_frame_holds_the_imports_under_way(owner: User) -> None:
    job = request_import(classifier_slug="pets", name="first", user=owner, place="s3://bucket")

    async def first(socket: Socket) -> Any:
        return await socket.read()

    frame = talk(first, cookie=session(owner), query="?imports=1")
    assert frame == {"type": "snapshot", "imports": [describe_import(job)]}


def test_progress_is_passed_on(owner: User) -> None:
    job = request_import(classifier_slug="pets", name="first", user=owner, place="s3://bucket")
    claim_import(job_id=job.id, worker="test")
    job.refresh_from_db()
    [event] = import_events(describe_import(job))[IMPORTS]

    async def second(socket: Socket) -> Any:
        await socket.read()
        await push(IMPORTS, event)
        return await socket.read()

    frame = talk(second, cookie=session(owner), query="?imports=1")
    assert (frame["type"], frame["job"], frame["state"]) == ("import", str(job.id), "running")


def test_strangers_are_refused(owner: User) -> None:
    assert refusal(cookie=cookie_of("me"), query="?imports=1") == NOT_FOUND
    assert refusal(cookie=session(User.objects.create_user("person")), query="?imports=1") == NOT_FOUND


def test_a_right_that_is_taken_away_ends_it(owner: User, settings: Any) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.01

    async def wait(socket: Socket) -> int:
        await database_sync_to_async(owner.user_permissions.clear)()
        return await socket.wait_for_close()

    assert talk(wait, cookie=session(owner), query="?imports=1") == RIGHTS_CHANGED
