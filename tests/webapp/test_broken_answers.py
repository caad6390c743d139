"""What breaks inside is said to nobody: no trace, no path, no word of the exception, in no kind of answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.db import DataError, OperationalError
from django.http import HttpResponse
from django.test import Client

from classifier.models import Classifier
from tests.webapp.people import client_of, person
from tests.webapp.socket_calls import Socket, cookie_of, talk
from webapp import rate_limits

pytestmark = pytest.mark.django_db
INSIDE = "no such file: /srv/whatsit/var/secret-key of postgres://whatsit:hunter2@db"
TRACES = ("Traceback", 'File "', ".py", "/srv/", "hunter2", "secret-key", "RuntimeError", "OperationalError", "Django")


def fail(*arguments: Any, **options: Any) -> NoReturn:
    raise RuntimeError(INSIDE)


def lose_database(*arguments: Any, **options: Any) -> NoReturn:
    raise OperationalError(INSIDE)


def betrayed(answer: HttpResponse) -> list[str]:
    """Whatever of the inside stands in this answer, its headers included."""
    text = answer.content.decode() + str(dict(answer.headers))
    return [word for word in TRACES if word in text]


KINDS: dict[str, tuple[str, str]] = {
    "a page": ("webapp.views.classifiers.render", "/classifiers/"),
    "a list": ("webapp.api.images.visible_images", "/api/v1/images"),
    "one thing": ("webapp.access.visible_images", "/api/v1/images/01a1fbed-5e5c-7c2d-854c-dd29f039aa02"),
    "the admin": ("webapp.admin.classifiers.ClassifierAdmin.get_queryset", "/admin/classifier/classifier/"),
    "the numbers": ("webapp.metrics.oldest_open_age_seconds", "/metrics"),
    "the health": ("webapp.views.health.oldest_open_age_seconds", "/healthz/progress"),
    "an export": ("webapp.views.gallery.visible_images", "/images/export?format=json"),
}


@pytest.mark.parametrize("raises", [fail, lose_database])
@pytest.mark.parametrize("kind", KINDS)
def test_asvs_v16_5_1_an_error_of_ours_says_nothing_of_the_inside(
    kind: str, raises: Callable[..., NoReturn], pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, address = KINDS[kind]
    browser = client_of(person("admin"))
    User.objects.update(is_staff=True)
    browser.raise_request_exception = False
    monkeypatch.setattr(place, raises)
    answer: Any = browser.get(address)
    assert answer.status_code in {500, 503}, answer.status_code
    assert betrayed(answer) == []


@pytest.mark.parametrize("address", ["/classifiers/", "/api/v1/images", "/nothing", "/static/nothing.css"])
def test_asvs_v16_5_4_what_breaks_outside_of_any_view_says_nothing_either(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits.RateLimitMiddleware, "__call__", fail)
    answer: Any = Client(raise_request_exception=False).get(address)
    assert answer.status_code in {404, 500}
    assert betrayed(answer) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 400), ({"Host": "../../etc"}, 400), ({"Cookie": "sessionid=" + "x" * 3000}, 200)],
)
def test_asvs_v16_5_1_refused_headers_are_not_explained(headers: dict[str, str], status: int, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    answer: Any = Client(raise_request_exception=False).get("/healthz/live", headers=headers)
    assert answer.status_code == status
    assert betrayed(answer) == []
    assert "evil" not in answer.content.decode()


def test_asvs_v16_5_1_a_socket_that_breaks_sends_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The server closes it; the page comes back for a fresh snapshot."""
    settings.CHANNEL_LAYERS = {
        alias: {"BACKEND": "channels.layers.InMemoryChannelLayer"} for alias in ("default", "sending")
    }
    frames: list[Any] = []

    async def ask_again(socket: Socket) -> None:
        frames.append(await socket.read())
        monkeypatch.setattr("webapp.socket_topics.ImagesTopic.read_snapshot", fail)
        await socket.say('{"type": "refresh"}')
        frames.append(await socket.read())

    with pytest.raises(RuntimeError):
        talk(ask_again, cookie=cookie_of("me"))
    assert [frame["type"] for frame in frames] == ["snapshot"]


def test_what_no_column_can_hold_is_the_askers_mistake(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL keeps no NUL in text: /admin/classifier/classifier/?slug=%00 was a 500 there."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")

    browser = client_of(person("admin"))
    monkeypatch.setattr("webapp.views.classifiers.render", refuse)
    answer: Any = browser.get("/classifiers/")
    assert answer.status_code == 400
    assert "This call cannot be understood" in answer.content.decode()
    assert betrayed(answer) == []
