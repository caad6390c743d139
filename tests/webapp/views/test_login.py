"""`/login/`: for everybody who has an account, with or without access to the admin."""

from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.private_redis import counting_redis, redis_process  # noqa: F401 - fixtures, used by their names

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="correct horse battery")


def test_a_person_without_staff_status_logs_in_and_comes_back_to_the_page(ann: User, client: Client) -> None:
    assert 'name="next" value="/classifiers/"' in client.get("/login/?next=/classifiers/").content.decode()
    words = {"username": "ann", "password": "correct horse battery", "next": "/classifiers/"}
    answer = client.post("/login/", words)
    assert (answer.status_code, answer["Location"]) == (302, "/classifiers/")
    assert client.session["_auth_user_id"] == str(ann.pk)


def test_a_wrong_password_is_said_and_the_name_is_kept(ann: User, client: Client) -> None:
    html = client.post("/login/", {"username": "ann", "password": "wrong"}).content.decode()
    assert "do not fit together" in html
    assert 'value="ann"' in html
    assert "_auth_user_id" not in client.session


def test_nobody_is_sent_to_another_site_by_a_login(ann: User, client: Client) -> None:
    words = {"username": "ann", "password": "correct horse battery", "next": "https://elsewhere.example/"}
    assert client.post("/login/", words)["Location"] == "/"


def guess(client: Client, name: str, *, login: str = "/login/") -> int:
    return client.post(login, {"username": name, "password": "guessed"}, REMOTE_ADDR="198.51.100.1").status_code


@pytest.mark.parametrize("login", ["/login/", "/admin/login/"])
def test_a_name_is_locked_for_the_address_that_guesses_its_password(ann: User, client: Client, login: str) -> None:
    statuses = [guess(client, "ann", login=login) for _ in range(django_settings.AXES_FAILURE_LIMIT + 1)]
    assert statuses[-1] == 429
    assert statuses[0] == 200
    words = {"username": "ann", "password": "correct horse battery"}
    locked = client.post(login, words, REMOTE_ADDR="198.51.100.1")
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert "Wait 15 minutes" in locked.content.decode()
    assert "_auth_user_id" not in client.session


def test_nobody_locks_out_somebody_at_another_address(ann: User, client: Client) -> None:
    for _ in range(django_settings.AXES_FAILURE_LIMIT + 1):
        guess(client, "ann")
    words = {"username": "ann", "password": "correct horse battery"}
    assert client.post("/login/", words, REMOTE_ADDR="198.51.100.2").status_code == 302


@pytest.mark.parametrize("login", ["/login/", "/admin/login/"])
def test_asvs_v6_3_1_one_password_on_many_names_is_stopped_by_the_address(
    login: str,
    client: Client,
    settings: Any,
    counting_redis: str,  # noqa: F811 - the fixture imported above
) -> None:
    settings.LIMIT_REDIS_URL, settings.LOGINS_AN_ADDRESS = counting_redis, 3
    assert [guess(client, f"name {number}", login=login) for number in range(4)] == [200, 200, 200, 429]
    locked = client.post(login, {"username": "ann", "password": "guessed"}, REMOTE_ADDR="198.51.100.1")
    assert 3_500 <= int(locked["Retry-After"]) <= 3_600
    assert "Wait 60 minutes" in locked.content.decode()
    assert client.get(login, REMOTE_ADDR="198.51.100.1").status_code == 200
    words = {"username": "ann", "password": "guessed"}
    assert client.post(login, words, REMOTE_ADDR="198.51.100.2").status_code == 200


def test_a_right_password_forgets_the_wrong_ones(ann: User, client: Client) -> None:
    for _ in range(2):
        for _ in range(django_settings.AXES_FAILURE_LIMIT - 1):
            assert guess(client, "ann") == 200
        words = {"username": "ann", "password": "correct horse battery"}
        assert client.post("/login/", words, REMOTE_ADDR="198.51.100.1").status_code == 302
        client.logout()


def test_no_password_is_kept_of_an_attempt(ann: User, client: Client) -> None:
    guess(client, "ann")
    assert "guessed" not in str(AccessAttempt.objects.values().get())


def change(client: Client, old: str, new: str) -> int:
    words = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/password/", words).status_code


def test_asvs_v7_4_3_a_new_password_ends_every_other_session(ann: User, client: Client) -> None:
    elsewhere = Client()
    for browser in (client, elsewhere):
        browser.force_login(ann)
    assert change(client, "correct horse battery", "staples are better") == 302
    assert "You stay logged in here" in client.get("/password/").content.decode()
    assert elsewhere.get("/password/").status_code == 302
    ann.refresh_from_db()
    assert ann.check_password("staples are better")


def test_asvs_v6_2_3_a_new_password_needs_the_old_one(ann: User, client: Client) -> None:
    client.force_login(ann)
    assert change(client, "wrong", "staples are better") == 200
    assert change(client, "correct horse battery", "password1") == 200
    ann.refresh_from_db()
    assert ann.check_password("correct horse battery")


def test_who_has_no_password_yet_gives_themselves_one(client: Client) -> None:
    first = User.objects.create_user("first")
    client.force_login(first)
    assert "old_password" not in client.get("/password/").content.decode()
    assert change(client, "", "staples are better") == 302
    assert change(client, "", "another one is good") == 200


def test_asvs_v7_2_4_a_login_gets_a_new_session(ann: User, client: Client) -> None:
    client.cookies["sessionid"] = "chosen-by-somebody-else"
    client.post("/login/", {"username": "ann", "password": "correct horse battery"})
    first = client.cookies["sessionid"].value
    client.post("/logout/")
    client.post("/login/", {"username": "ann", "password": "correct horse battery"})
    assert len({"chosen-by-somebody-else", first, client.cookies["sessionid"].value}) == 3


def test_asvs_v7_4_1_a_session_that_was_logged_out_is_of_no_use_any_more(ann: User, client: Client) -> None:
    client.force_login(ann)
    kept = client.cookies["sessionid"].value
    client.post("/logout/")
    client.cookies["sessionid"] = kept
    assert client.get("/password/").status_code == 302


def test_asvs_v7_3_2_a_session_ends_after_its_time(ann: User, client: Client) -> None:
    client.post("/login/", {"username": "ann", "password": "correct horse battery"})
    assert client.cookies["sessionid"]["max-age"] == django_settings.SESSION_COOKIE_AGE
    Session.objects.update(expire_date=timezone.now())
    assert client.get("/password/").status_code == 302


def test_asvs_v3_3_4_no_script_reads_the_session(ann: User, client: Client) -> None:
    client.post("/login/", {"username": "ann", "password": "correct horse battery"})
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
