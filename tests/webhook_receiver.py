"""A program on loopback that takes webhooks' messages, and webhooks that point to it."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth.models import User

from classifier.models import Classifier, Webhook
from classifier.webhook_deliveries import Attempt, claim_deliveries, store_attempts
from classifier.webhooks import EVENTS, change_webhook, create_webhook, send_test
from tests.webapp.people import person

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


@dataclass(frozen=True)
class Heard:
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Keeps each message, then answers as the receiver was told."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(Heard(self.path, dict(self.headers.items()), body))
        self.server.answer(self)

    def say(self, status: int, **headers: str) -> None:
        """A status without a body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


class Receiver(ThreadingHTTPServer):
    """`heard` are the messages so far; `answer` may be replaced. Says 204 by itself."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[Heard] = []
        self.answer: Callable[[Handler], None] = lambda handler: handler.say(204)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hangs up is no news."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """Listening, in a network that webhooks may reach."""
    settings.WEBHOOK_ALLOWED_NETWORKS = LOOPBACK
    running = Receiver()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def make_webhook(
    url: str, *, user: User | None = None, classifier: Classifier | None = None, events: Sequence[str] = tuple(EVENTS)
) -> Webhook:
    """Wants every event, and is the owner's, unless told otherwise."""
    return create_webhook(user=user or person("owner"), url=url, events=events, classifier=classifier)


def make_webhook_rows(user: User) -> dict[str, str]:
    """A webhook with a message that arrived, one that failed for good and one that is tried again; and a new one."""
    fresh, webhook = (make_webhook(f"https://example.org/{name}", user=user) for name in ("new", "whatsit"))
    for words, status in (("No Content", 204), ("Gone", 410), ("Bad Gateway", 502)):
        send_test(webhook=webhook)
        (claimed,) = claim_deliveries(worker="test", free=1, busy={}, share=1)
        attempt = Attempt(status < 300, f"It answered {status} {words}.", status)
        store_attempts([(claimed, attempt)])
        change_webhook(webhook=webhook, user=user, changes={"is_active": True})
    return {"webhook": str(webhook.id), "new_webhook": str(fresh.id)}
