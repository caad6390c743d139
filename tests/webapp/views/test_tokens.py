"""The page of tokens: shown once, one's own only, revoked after a second question."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from classifier.api_tokens import create_token, find_token, revoke_token
from classifier.models import ApiToken
from tests.webapp.api_calls import UNKNOWN
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db
PAGE = "/tokens/"
WISH = {"name": "camera", "scopes": ["predict", "review"], "lasts": "90"}


@pytest.fixture
def browser() -> Client:
    return client_of(person())


def test_a_new_token_is_shown_once(browser: Client) -> None:
    answer = browser.post(PAGE, WISH)
    shown = re.search(r'value="(wi_[A-Za-z0-9_]+)"', answer.content.decode())
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    assert shown is not None
    token = find_token(shown[1])
    assert token is not None
    assert (token.name, token.scopes, token.user.username) == ("camera", ["predict", "review"], "person")
    assert token.expires_at is not None
    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)
    page = browser.get(PAGE).content.decode()
    assert shown[1] not in page
    assert token.prefix in page


def test_it_may_work_until_revoked(browser: Client) -> None:
    browser.post(PAGE, {**WISH, "lasts": ""})
    assert ApiToken.objects.get().expires_at is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Name the program"),
        ({"name": "a\x7fb"}, "Name what will use the token"),
        ({"scopes": []}, "Choose at least one"),
        ({"scopes": ["fly"]}, "fly is not one of the available choices"),
        ({"lasts": "7000"}, "7000 is not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(browser: Client, changes: dict[str, object], sentence: str) -> None:
    answer = browser.post(PAGE, {**WISH, **changes})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_each_scope_says_what_it_allows(browser: Client) -> None:
    page = browser.get(PAGE).content.decode()
    for scope in ApiToken.Scope.values:
        assert re.search(rf'<p class="hint" id="scope-{scope}-hint">\w.+\.', page)


def test_who_may_not_review_is_told_that_a_token_may_not_either(browser: Client) -> None:
    assert "You may not do this yourself" in browser.get(PAGE).content.decode()
    assert "You may not do this yourself" not in client_of(person("owner")).get(PAGE).content.decode()


def test_revoking_asks_first(browser: Client) -> None:
    token, text = create_token(user=person(), name="camera", scopes=["predict"])
    address = reverse("token-revoke", args=[token.pk])
    assert address in browser.get(PAGE).content.decode()
    assert "Revoke this token?" in browser.get(address).content.decode()
    assert find_token(text) is not None
    answer = browser.post(address, follow=True)
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "“camera” is revoked" in answer.content.decode()
    assert find_token(text) is None


def test_a_token_that_ended_is_listed_apart_and_leaves_nothing_to_revoke(browser: Client) -> None:
    token, _ = create_token(user=person(), name="camera", scopes=["predict"])
    revoke_token(token=token)
    page = browser.get(PAGE).content.decode()
    address = reverse("token-revoke", args=[token.pk])
    assert "No longer in use" in page
    assert address not in page
    assert "This token is revoked" in browser.get(address).content.decode()


def test_others_tokens_are_not_there(browser: Client) -> None:
    token, text = create_token(user=person("admin"), name="their camera", scopes=["predict"])
    assert "their camera" not in browser.get(PAGE).content.decode()
    for identifier in (token.pk, *UNKNOWN):
        address = reverse("token-revoke", args=[identifier])
        assert (browser.get(address).status_code, browser.post(address).status_code) == (404, 404)
    assert find_token(text) is not None


def test_visitors_log_in_first() -> None:
    assert Client().get(PAGE)["Location"] == "/login/?next=/tokens/"
    assert Client().post(PAGE, WISH).status_code == 302
    assert not ApiToken.objects.exists()
