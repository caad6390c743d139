"""Limits of callers: whose counters a call counts on, what the answer says, and that nothing is lost where Redis is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from classifier.api_tokens import create_token
from classifier.limit_settings import Limits, read_limits
from classifier.models import Classifier, Image
from tests.private_redis import counting_redis, redis_process  # noqa: F401 - fixtures, used by their names
from tests.webapp.api_calls import IMAGES, Answered, error_of, part, send
from tests.webapp.people import client_of, person
from webapp.rate_limits import client_address

pytestmark = pytest.mark.django_db
CALLS = "/api/v1/classifiers"
OPEN = Limits(1_000_000, 1_000_000, 1_000_000, 1_000_000)
SetLimits = Callable[..., None]


@pytest.fixture(autouse=True)
def generous(settings: Any, counting_redis: str) -> None:  # noqa: F811 - the fixture imported above
    settings.LIMIT_REDIS_URL = counting_redis
    settings.LIMITS = replace(read_limits(production=False), people=OPEN, visitors=OPEN, timeout_seconds=5.0)


@pytest.fixture
def limit(settings: Any) -> SetLimits:
    def change(*, groups: int = 1_000_000, **changes: int) -> None:
        narrow = replace(OPEN, **changes)
        settings.LIMITS = replace(
            settings.LIMITS, people=narrow, visitors=narrow, callers_a_user=groups, visitors_an_address=groups
        )

    return change


def visitor() -> Client:
    """One who has the cookie and has called once for it."""
    client = Client()
    client.get(CALLS)
    return client


def program(user: User) -> Client:
    _, text = create_token(user=user, name="p", scopes=["predict"])
    return Client(headers={"Authorization": f"Bearer {text}"})


def left(answer: Answered) -> tuple[str, str, str]:
    return answer["RateLimit-Limit"], answer["RateLimit-Remaining"], answer["RateLimit-Policy"]


def codes(client: Client, count: int) -> list[int]:
    return [client.get(CALLS).status_code for _ in range(count)]


def test_each_answer_says_how_much_is_left(limit: SetLimits) -> None:
    limit(calls_a_minute=10)
    client = client_of(person())
    assert left(client.get(CALLS)) == ("10", "9", "10;w=60")
    answer = client.get(CALLS)
    assert left(answer) == ("10", "8", "10;w=60")
    assert 0 < int(answer["RateLimit-Reset"]) <= 60


def test_too_many_calls_are_refused_with_the_reason_and_when_to_come_back(limit: SetLimits) -> None:
    limit(calls_a_minute=2)
    client = client_of(person())
    assert codes(client, 3) == [200, 200, 429]
    answer = client.get(CALLS)
    assert error_of(answer) == (429, "too_many_requests")
    problem = answer.json()["error"]
    assert problem["message"].startswith("This site takes 2 calls a minute from one caller. Wait ")
    assert (problem["details"]["limit"], problem["details"]["of"]) == (2, "calls")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert answer["RateLimit-Remaining"] == "0"


def test_a_daily_quota_is_said_as_such(limit: SetLimits) -> None:
    limit(calls_a_day=1)
    client = client_of(person())
    assert codes(client, 1) == [200]
    assert "1 calls a day from one caller. Wait 24 hours" in client.get(CALLS).json()["error"]["message"]


def test_pictures_are_counted_each(limit: SetLimits, pets: Classifier) -> None:
    limit(pictures_a_minute=3)
    client = client_of(person())
    answer = send(client, 1, 2)
    assert (answer.status_code, *left(answer)) == (201, "3", "1", "3;w=60")
    assert error_of(send(client, 3, 4)) == (429, "too_many_requests")
    assert send(client, 3).status_code == 201
    assert Image.objects.count() == 3
    assert codes(client, 1) == [200]  # only pictures are used up


def test_more_pictures_than_a_whole_window_takes_are_sent_in_smaller_calls(limit: SetLimits, pets: Classifier) -> None:
    limit(pictures_a_minute=2)
    message = send(client_of(person()), 1, 2, 3).json()["error"]["message"]
    assert message == "This site takes 2 pictures a minute from one caller. Send fewer at once."


def test_an_upload_is_one_call(limit: SetLimits, pets: Classifier) -> None:
    limit(calls_a_minute=10)
    assert left(send(client_of(person()), 1, 2, 3)) == ("10", "9", "10;w=60")


def test_uploads_that_cannot_be_read_count_as_calls(limit: SetLimits, pets: Classifier) -> None:
    limit(calls_a_minute=2)
    client = client_of(person())
    answers = [client.post(IMAGES, b"nonsense", content_type="multipart/form-data; boundary=x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert left(answers[1])[1] == "0"


def test_a_form_without_scripts_counts_as_well(limit: SetLimits, pets: Classifier) -> None:
    limit(pictures_a_minute=1)
    client = visitor()
    assert send_form(client, b"no picture").status_code == 415
    answer = send_form(client, b"no picture")
    assert answer.status_code == 429
    assert "This site takes 1 pictures a minute" in answer.content.decode()
    assert int(answer["Retry-After"]) > 0


def send_form(client: Client, data: bytes) -> Any:
    return client.post("/", {"file": part(data, "a.png")})


def test_tokens_count_by_themselves_and_their_person_with_all_of_them(limit: SetLimits) -> None:
    limit(calls_a_minute=2, groups=2)
    user = person()
    first, second = program(user), program(user)
    assert codes(first, 3) == [200, 200, 429]
    assert codes(second, 3) == [200, 200, 429]
    answer = client_of(user).get(CALLS)
    assert "4 calls a minute from one person and all their programs" in answer.json()["error"]["message"]
    assert codes(client_of(person(name="other")), 1) == [200]


def test_visitors_count_by_their_cookies(limit: SetLimits) -> None:
    limit(calls_a_minute=2)
    assert [codes(visitor(), 2) for _ in range(2)] == [[200, 200]] * 2


def test_who_drops_the_cookie_at_each_call_is_counted_by_address(limit: SetLimits) -> None:
    limit(calls_a_minute=2)
    assert [Client().get(CALLS).status_code for _ in range(4)] == [200, 200, 429, 429]
    elsewhere = Client(REMOTE_ADDR="203.0.113.7")
    assert codes(elsewhere, 1) == [200]


def test_visitors_of_one_address_count_together(limit: SetLimits) -> None:
    limit(calls_a_minute=3, groups=2)
    first, second = visitor(), visitor()
    assert codes(first, 2) == [200, 200]
    assert codes(second, 2) == [200, 200]
    assert "6 calls a minute from visitors of one address" in second.get(CALLS).json()["error"]["message"]


def test_wrong_tokens_count_by_address(limit: SetLimits) -> None:
    limit(calls_a_minute=2)
    client = Client(headers={"Authorization": "Bearer nonsense"})
    assert codes(client, 3) == [401, 401, 429]


def test_a_limit_of_zero_is_none(limit: SetLimits) -> None:
    limit(calls_a_minute=0, calls_a_day=0)
    answer = client_of(person()).get(CALLS)
    assert (answer.status_code, "RateLimit-Limit" in answer) == (200, False)


def test_where_redis_is_away_everything_goes_on_uncounted(settings: Any, limit: SetLimits, pets: Classifier) -> None:
    limit(calls_a_minute=1, pictures_a_minute=1)
    settings.LIMIT_REDIS_URL = "redis://127.0.0.1:1/3"
    client = client_of(person())
    assert codes(client, 3) == [200, 200, 200]
    assert send(client, 1, 2).status_code == 201
    assert "RateLimit-Limit" not in client.get(CALLS)


def test_pages_are_not_counted(limit: SetLimits) -> None:
    limit(calls_a_minute=1)
    client = client_of(person())
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 200]


PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (PROXY, f"198.51.100.1, {PROXY}", "198.51.100.1"),
        (PROXY, "198.51.100.1:4711", "198.51.100.1"),
        (PROXY, "", PROXY),
        (PROXY, "nonsense", "::"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("", "", "::"),
    ],
)
def test_only_a_named_proxy_is_believed_about_the_address(
    settings: Any, peer: str, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = [ip_network(PROXY)]
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory(headers=headers).get("/", REMOTE_ADDR=peer)
    assert client_address(request) == address


def test_the_generous_limits_let_a_script_with_ten_thousand_pictures_pass_in_a_minute() -> None:
    limits = read_limits(production=False)
    for each in (limits.people, limits.visitors):
        assert min(each.calls_a_minute, each.pictures_a_minute) > 10_000
        assert min(each.calls_a_day, each.pictures_a_day) >= 24 * 60 * 10_000


def test_production_is_stricter_in_everything_and_more_so_with_visitors() -> None:
    strict, wide = read_limits(production=True), read_limits(production=False)
    for name in ("calls_a_minute", "calls_a_day", "pictures_a_minute", "pictures_a_day"):
        assert getattr(strict.visitors, name) < getattr(strict.people, name) < getattr(wide.people, name)
