"""The admin's list of tokens: looked at by those who watch the site, revoked by those who run it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from classifier.api_tokens import create_token, find_token
from classifier.models import ApiToken
from tests.webapp.admin_site import list_address
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db
LIST = list_address("apitoken")


def staff(role: str) -> Client:
    user = person(role)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return client_of(User.objects.get(pk=user.pk))


@pytest.fixture
def made() -> tuple[ApiToken, str]:
    return create_token(user=person(name="integrator"), name="camera", scopes=["predict"])


def revoke(client: Client, token: ApiToken) -> int:
    return client.post(LIST, {"action": "revoke", "_selected_action": [str(token.pk)]}).status_code


def test_it_lists_everybodys_tokens_without_their_digests(made: tuple[ApiToken, str]) -> None:
    page = staff("operator").get(LIST).content.decode()
    assert made[0].prefix in page
    assert "integrator" in page
    assert made[0].digest not in page


def test_an_operator_revokes_anybodys(made: tuple[ApiToken, str]) -> None:
    assert revoke(staff("operator"), made[0]) == 302
    assert find_token(made[1]) is None


def test_nobody_else_does(made: tuple[ApiToken, str]) -> None:
    assert revoke(staff("reviewer"), made[0]) == 403
    assert staff("reviewer").get(LIST).status_code == 403
    assert find_token(made[1]) is not None


def test_its_page_shows_and_changes_nothing(made: tuple[ApiToken, str]) -> None:
    client = staff("owner")
    page = f"{LIST}{made[0].pk}/change/"
    assert made[0].digest not in client.get(page).content.decode()
    assert client.post(page, {"name": "another"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
