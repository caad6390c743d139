"""T22: a result is committed and pushed at every moment of a socket's opening; the page shows it in the end."""

from __future__ import annotations

import inspect
import itertools
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import InMemoryChannelLayer
from django.db import transaction

from classifier.live_updates import prediction_events
from classifier.models import Classifier
from classifier.owners import Owner
from tests.row_makers import upload
from tests.webapp.admin_site import answer_waiting
from tests.webapp.socket_calls import OWN_ORIGIN, Socket, cookie_of, push
from webapp.consumers import ResultsConsumer

pytestmark = pytest.mark.django_db
ME = Owner("visitor", "me")
LAST = {"type": "model", "classifier": "pets", "live": 9}
# What an opening socket does, one after the other; the result comes before one of them, or after the last.
STEPS = ("find_topic", "join_own", "join_everybody", "accept", "read_snapshot", "send_snapshot")
MOMENTS = range(len(STEPS) + 1)
ORDERS = list(itertools.combinations_with_replacement(MOMENTS, 2))
"""When the answer is committed and when it is pushed: never pushed before it is committed."""


class Race:
    """One socket's opening with a delay at each step, in which the worker gets its turn when it is to."""

    def __init__(self, image_id: UUID, committed: int, pushed: int) -> None:
        self.image_id = image_id
        self.committed = committed
        self.pushed = pushed
        self.moment = 0

    async def step(self) -> None:
        """The next moment has come."""
        if self.moment == self.committed:
            await database_sync_to_async(answer_waiting)()
        if self.moment == self.pushed:
            for group, events in (await database_sync_to_async(prediction_events)([self.image_id])).items():
                await push(group, *events)
        self.moment += 1

    def delay(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool = False) -> None:
        """Let that method be a step of this race; with `after`, its end as well."""
        original = inspect.getattr_static(owner, name)

        async def delayed(its_owner: Any, *arguments: Any, **options: Any) -> Any:
            await self.step()
            answer = await original.__get__(its_owner, owner)(*arguments, **options)
            if after:
                await self.step()
            return answer

        monkeypatch.setattr(owner, name, delayed)


def shown_in_the_end(race: Race) -> str:
    """What the page shows after all frames: of each image the highest version, as live.js keeps it."""

    async def open_and_listen() -> str:
        socket = Socket(cookie=cookie_of("me"), query="", origin=OWN_ORIGIN)
        assert await socket.open() == 0
        version, state, frames = 0, "", 0
        while True:
            frame = await socket.read()
            if frames == 0:  # from here on nothing is left to do but what may come last
                assert frame["type"] == "snapshot"
                await race.step()
                assert race.moment == len(MOMENTS)
                await push("everybody", LAST)
            frames += 1
            if frame == LAST:
                await socket.leave()
                return state
            for item in frame.get("items", [frame.get("item")]):
                if item["version"] > version:
                    version, state = item["version"], item["state"]

    shown: str = async_to_sync(open_and_listen)()
    return shown


@pytest.fixture
def image_id(pets: Classifier, settings: Any) -> UUID:
    layer = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    settings.CHANNEL_LAYERS = {"default": layer, "sending": layer}
    return upload(1, owner=ME).images[0].id


@pytest.mark.parametrize("rounds", [1, pytest.param(4000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_t22_a_result_that_comes_while_a_socket_opens_is_shown(image_id: UUID, rounds: int) -> None:
    wrong = []
    for number in range(max(rounds, len(ORDERS))):
        committed, pushed = ORDERS[number % len(ORDERS)]
        race = Race(image_id, committed, pushed)
        with pytest.MonkeyPatch.context() as monkeypatch, transaction.atomic():
            race.delay(monkeypatch, ResultsConsumer, "_find_topic")
            race.delay(monkeypatch, InMemoryChannelLayer, "group_add")
            race.delay(monkeypatch, ResultsConsumer, "accept")
            race.delay(monkeypatch, ResultsConsumer, "_read_snapshot", after=True)
            if shown_in_the_end(race) != "done":
                wrong.append((committed, pushed))
            transaction.set_rollback(True)
    assert wrong == []
