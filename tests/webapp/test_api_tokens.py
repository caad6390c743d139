"""/api/v1/tokens: one's own tokens, by people and by tokens with the scope admin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from classifier.api_tokens import create_token, revoke_token
from classifier.models import ApiToken
from tests.webapp.api_calls import UNKNOWN, Answered, error_of
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/tokens"
WISH: dict[str, Any] = {"name": "camera", "scopes": ["predict"]}


def program(user: User, *scopes: str, **more: Any) -> Client:
    return Client(headers={"Authorization": f"Bearer {create_token(user=user, name='p', scopes=scopes, **more)[1]}"})


def make(client: Client, **changes: Any) -> Answered:
    answer: Answered = client.post(TOKENS, {**WISH, **changes}, content_type="application/json")
    return answer


def test_a_made_token_is_in_this_answer_only_and_works() -> None:
    client = client_of(person())
    answer = make(client)
    made = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert made["token"].startswith(made["prefix"])
    assert (made["name"], made["scopes"], made["state"], made["last_used_at"]) == (
        "camera",
        ["predict"],
        "usable",
        None,
    )
    assert "token" not in client.get(TOKENS).json()["tokens"][0]
    assert Client().get("/api/v1/images", headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200


def test_the_list_goes_on_where_a_page_ends_and_holds_ones_own_only() -> None:
    user = person()
    made = [create_token(user=user, name=str(number), scopes=["predict"])[0] for number in range(3)]
    create_token(user=person(name="other"), name="theirs", scopes=["predict"])
    newest_first = sorted(made, key=lambda token: token.pk, reverse=True)  # within a millisecond ids are random
    revoke_token(token=newest_first[2])
    client = client_of(user)
    first = client.get(TOKENS, {"limit": 2}).json()
    second = client.get(TOKENS, {"limit": 2, "cursor": first["next_cursor"]}).json()
    listed = [token["id"] for token in (*first["tokens"], *second["tokens"])]
    assert listed == [str(token.pk) for token in newest_first]
    assert (second["tokens"][0]["state"], second["next_cursor"]) == ("revoked", None)


def test_a_revoked_one_stays_revoked() -> None:
    user = person()
    token, _ = create_token(user=user, name="p", scopes=["predict"])
    client = client_of(user)
    assert client.delete(f"{TOKENS}/{token.pk}").status_code == 204
    assert client.delete(f"{TOKENS}/{token.pk}").status_code == 204
    assert ApiToken.objects.get().revoked_at is not None


def test_anothers_token_is_refused_as_an_unknown_one() -> None:
    theirs, _ = create_token(user=person("admin"), name="p", scopes=["predict"])
    client = client_of(person())
    answers = [client.delete(f"{TOKENS}/{identifier}") for identifier in (theirs.pk, *UNKNOWN)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert ApiToken.objects.get().revoked_at is None


def test_visitors_are_told_to_log_in() -> None:
    for answer in (Client().get(TOKENS), make(Client()), Client().delete(f"{TOKENS}/{UNKNOWN[0]}")):
        assert error_of(answer) == (401, "not_allowed")


@pytest.mark.parametrize("scopes", [["predict"], ["review"], ["train"], ["predict", "review", "train"]])
def test_a_token_without_the_scope_admin_manages_none(scopes: list[str]) -> None:
    user = person("admin")
    client = program(user, *scopes)
    token = ApiToken.objects.get()
    for answer in (client.get(TOKENS), make(client), client.delete(f"{TOKENS}/{token.pk}")):
        assert error_of(answer) == (404, "not_found")
    assert list(ApiToken.objects.values_list("revoked_at", flat=True)) == [None]


def test_a_token_with_the_scope_admin_manages_those_of_its_user() -> None:
    client = program(person(), "admin")
    made = make(client).json()
    assert [token["name"] for token in client.get(TOKENS).json()["tokens"]] == ["camera", "p"]
    assert client.delete(f"{TOKENS}/{made['id']}").status_code == 204


def test_what_a_token_makes_does_not_outlive_it() -> None:
    ends = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    client = program(person(), "admin", expires_at=ends)
    for wish in ({}, {"expires_at": "2099-01-01T00:00:00Z"}):
        assert datetime.fromisoformat(make(client, **wish).json()["expires_at"]) == ends


def test_a_time_without_a_zone_is_utc() -> None:
    day = (timezone.now() + timedelta(days=9)).replace(microsecond=0, tzinfo=None)
    made = make(client_of(person()), expires_at=day.isoformat()).json()
    assert datetime.fromisoformat(made["expires_at"]) == day.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": " \n"},
        {"name": "a\x00b"},
        {"name": "x" * 121},
        {"scopes": []},
        {"scopes": ["fly"]},
        {"scopes": "predict"},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "9999-12-31T23:59:59-12:00"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
        {"expires_at": "tomorrow"},
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(changes: dict[str, Any]) -> None:
    assert error_of(make(client_of(person()), **changes)) == (400, "malformed_request")
    assert not ApiToken.objects.exists()


def test_a_login_without_its_csrf_token_makes_none() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person())
    assert error_of(make(client)) == (403, "not_allowed")
