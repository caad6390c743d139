"""`/login/`: for everybody who has an account, with or without access to the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

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
