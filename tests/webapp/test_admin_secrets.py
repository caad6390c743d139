"""What the admin pages do not show cannot be found out there either, letter by letter."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from classifier.api_tokens import create_token
from classifier.models import ApiToken, Webhook
from classifier.webhooks import create_webhook
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("kind", "column"), [("webhook", "secret"), ("apitoken", "digest")])
@pytest.mark.parametrize("way", ["", "__startswith", "__gt", "__regex"])
def test_asvs_v8_2_3_no_list_is_filtered_by_a_secret(kind: str, column: str, way: str) -> None:
    owner, operator = person("owner"), person("operator")
    create_webhook(user=owner, url="https://example.org/hook", events=["review.made"])
    create_token(user=owner, name="camera", scopes=["predict"])
    User.objects.filter(pk=operator.pk).update(is_staff=True)
    secret = (Webhook if kind == "webhook" else ApiToken).objects.values_list(column, flat=True).get()
    address = f"/admin/classifier/{kind}/"
    browser = client_of(operator)
    assert browser.get(address).status_code == 200
    guessed = browser.get(address, {f"{column}{way}": secret[:4] if way else secret})
    assert guessed.status_code == 400
    assert secret not in guessed.content.decode()
