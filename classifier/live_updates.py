"""Live messages: their types, who hears them, and sending. A push is a hint; whoever misses one reads the rows."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any
from uuid import UUID

import structlog
from channels.layers import get_channel_layer

from classifier.owners import live_group
from classifier.presentation import describe_image, read_describable

logger = structlog.get_logger(__name__)

# Channels calls the consumer method of this name (dots become underscores).
HANDLER = "live.events"
Event = dict[str, Any]


def prediction_events(image_ids: Sequence[UUID]) -> dict[str, list[Event]]:
    """One event per image, gathered by the group that may hear it. One query."""
    events: dict[str, list[Event]] = defaultdict(list)
    for image in read_describable(image_ids):
        events[live_group(image.owner)].append({"type": "prediction", "item": describe_image(image)})
    return events


def training_group(run_id: str) -> str:
    """Hears the progress of one training run."""
    return f"training.{run_id}"


IMPORTS = "imports"
"""Hears how imports get on; for people who may see the work on classifiers."""


def import_events(described: Event) -> dict[str, list[Event]]:
    """One event for all who watch imports."""
    return {IMPORTS: [described]}


EVERYBODY = "everybody"


def model_event(classifier_slug: str, version_number: int) -> dict[str, list[Event]]:
    """Everybody on the site hears that another version answers now."""
    return {EVERYBODY: [{"type": "model", "classifier": classifier_slug, "live": version_number}]}


def login_group(owner_key: str) -> str:
    """The sockets of one login, whatever they are about."""
    return "login." + owner_key.replace(":", ".")


LOGIN_CHANGED = "login"
"""Not for the browser: the socket looks at once whether its login still holds."""


def login_event(owner_key: str) -> dict[str, list[Event]]:
    """Somebody logged out, or ended their other sessions."""
    return {login_group(owner_key): [{"type": LOGIN_CHANGED}]}


class LiveSender:
    """One event loop in one daemon thread a process: async_to_sync a message costs ten times more and leaks clients."""

    def __init__(self) -> None:
        self._start = threading.Lock()
        self._process_id = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: set[Future[None]] = set()
        self.failures = 0

    def send(self, events: Mapping[str, Sequence[Event]]) -> None:
        """Hand over one message per group; never blocks, never raises."""
        if not events:
            return
        future = asyncio.run_coroutine_threadsafe(self._send_all(dict(events)), self._running_loop())
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)

    def wait_until_sent(self, seconds: float) -> bool:
        """What a process does before it ends: the sending thread ends with it. False where the time was too short."""
        return not wait(list(self._under_way), timeout=seconds).not_done

    async def _send_all(self, events: Mapping[str, Sequence[Event]]) -> None:
        layer = get_channel_layer("sending")
        for group, items in events.items():
            try:
                await layer.group_send(group, {"type": HANDLER, "events": list(items)})
            except Exception as problem:  # noqa: BLE001 - any broker trouble: the page asks again by itself; counted
                self.failures += 1
                logger.warning("live_message_lost", group=group, error=repr(problem), failures=self.failures)
                return

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._start:
            if self._loop is None or self._process_id != os.getpid():
                self._process_id = os.getpid()
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="live-updates", daemon=True).start()
            return self._loop


live_sender = LiveSender()
