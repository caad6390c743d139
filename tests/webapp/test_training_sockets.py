"""A training run over the socket: the whole run first, then every epoch, line and move as it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.live_updates import EVERYBODY
from classifier.models import Dataset, TrainingRun
from classifier.training_runs import ClaimedRun, claim_run, fail_run, record_epoch, renew_lease, request_run
from classifier.training_snapshots import take_snapshot
from tests.webapp.socket_calls import Socket, cookie_of, push, refusal, session_of, talk
from webapp.consumers import LOGIN_NEEDED, NOT_FOUND, RIGHTS_CHANGED

pytestmark = pytest.mark.django_db
NOTED = {"phase": "training", "share": 0.5, "overall": 0.4, "epoch": 1, "epochs": 2, "remaining_seconds": 60.0}


@pytest.fixture(autouse=True)
def layer_in_memory(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {
        alias: {"BACKEND": "channels.layers.InMemoryChannelLayer"} for alias in ("default", "sending")
    }


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the verbs tell, group by group, to be pushed by the test's own event loop."""
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: heard.append(dict(events)))
    return heard


@pytest.fixture
def run(sent: list[dict[str, Any]]) -> TrainingRun:
    classifier = create_classifier(slug="pets", labels=["cat", "dog"])
    Dataset.objects.create(classifier=classifier, name="one", digest="1" * 64, labels=["cat", "dog"])
    options = {"recipe": "small", "hyper_parameters": {"epochs": 2}}
    return request_run(classifier=classifier, snapshot=take_snapshot(classifier=classifier), options=options)


@pytest.fixture
def owner(client: Client) -> User:
    user = User.objects.create_user("owner", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_trainingrun"))
    client.force_login(user)
    return user


def claimed(run: TrainingRun) -> ClaimedRun:
    found = claim_run(run_id=run.id, worker="test")
    assert found
    return found


def follow(client: Client, run: TrainingRun, *changes: Callable[[], object], sent: list[dict[str, Any]]) -> list[Any]:
    """The snapshot, then every frame that these changes of the row bring."""
    sent.clear()

    async def conversation(socket: Socket) -> list[Any]:
        frames = [await socket.read()]
        for change in changes:
            await database_sync_to_async(change)()
        for events in sent:
            for group, items in events.items():
                await push(group, *items)
                frames += [await socket.read() for _ in items]
        return frames

    found: list[Any] = talk(conversation, cookie=session_of(client), query=f"?training={run.id}")
    return found


@pytest.mark.usefixtures("owner")
def test_the_snapshot_describes_the_run(client: Client, run: TrainingRun, sent: list[dict[str, Any]]) -> None:
    mine = claimed(run)
    record_epoch(mine, curves=[{"epoch": 1, "loss": 0.5}], line="epoch 1")
    renew_lease(mine, progress=NOTED)
    [snapshot] = follow(client, run, sent=sent)
    [item] = snapshot["items"]
    assert snapshot["type"] == "snapshot"
    assert (item["id"], item["state"], item["classifier"]) == (str(run.id), "running", "pets")
    assert item["sentence"].replace("\u00a0", " ") == "Epoch 1 of 2, about 60 s left"
    assert (item["epoch"], item["epochs"], item["progress"], item["remaining_seconds"]) == (1, 2, 0.4, 60.0)
    assert item["curves"] == [{"epoch": 1, "loss": 0.5}]
    assert (item["log"], item["log_length"], item["version"]) == ("epoch 1\n", 8, None)


@pytest.mark.usefixtures("owner")
def test_epochs_lines_and_the_end_arrive(
    client: Client, run: TrainingRun, sent: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    mine = claimed(run)

    def train() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            record_epoch(mine, curves=[{"epoch": 1, "loss": 0.5}], line="epoch 1")
            fail_run(mine, reason="The disk is full.")

    _, epoch, line, end = follow(client, run, train, sent=sent)
    assert epoch == {"type": "training", "run": str(run.id), "epoch": 1, "metrics": {"epoch": 1, "loss": 0.5}}
    assert line["log"]["text"] == "epoch 1\n"
    assert end["metrics"] == {"state": "failed", "outcome": "The disk is full."}


@pytest.mark.usefixtures("owner")
def test_a_refresh_brings_the_newest_state(client: Client, run: TrainingRun) -> None:
    async def refresh(socket: Socket) -> Any:
        await socket.read()
        await database_sync_to_async(claimed)(run)
        await socket.say('{"type": "refresh"}')
        return await socket.read()

    frame = talk(refresh, cookie=session_of(client), query=f"?training={run.id}")
    assert frame["items"][0]["state"] == "running"


@pytest.mark.usefixtures("owner")
def test_a_new_live_version_is_heard_of_too(client: Client, run: TrainingRun) -> None:
    async def listen(socket: Socket) -> Any:
        await socket.read()
        await push(EVERYBODY, {"type": "model", "classifier": "pets", "live": 2})
        return await socket.read()

    assert talk(listen, cookie=session_of(client), query=f"?training={run.id}")["live"] == 2


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("identifier", ["nonsense", "01a1fbed-5e5c-7c2d-854c-dd29f039aa02"])
def test_an_unknown_run_is_refused(client: Client, identifier: str) -> None:
    assert refusal(cookie=session_of(client), query=f"?training={identifier}") == NOT_FOUND


def test_strangers_are_refused_as_if_there_were_no_run(client: Client, run: TrainingRun) -> None:
    client.force_login(User.objects.create_user("person"))
    assert refusal(cookie=session_of(client), query=f"?training={run.id}") == NOT_FOUND
    assert refusal(cookie=cookie_of("me"), query=f"?training={run.id}") == NOT_FOUND
    assert refusal(query=f"?training={run.id}") == LOGIN_NEEDED


def test_a_right_that_is_taken_away_ends_the_socket(
    client: Client, owner: User, run: TrainingRun, settings: Any
) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.05

    async def demote(socket: Socket) -> int:
        await socket.read()
        await database_sync_to_async(owner.user_permissions.clear)()
        return await socket.wait_for_close()

    assert talk(demote, cookie=session_of(client), query=f"?training={run.id}") == RIGHTS_CHANGED
