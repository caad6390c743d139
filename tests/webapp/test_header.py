"""The header of every page: what it offers to whom, and the way in and out."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.model_registry import promote
from tests.review_makers import answer_all
from tests.row_makers import LABELS, MakeImages, make_version, upload

pytestmark = pytest.mark.django_db


def offered(client: Client, path: str = "/") -> list[str]:
    """The words of the header's entries."""
    header = client.get(path).content.decode().partition("</header>")[0]
    return [words.strip() for words in re.findall(r"<li><a [^>]*>([^<]+)", header)]


def log_in(client: Client, *rights: str, is_staff: bool = False) -> User:
    user = User.objects.create_user("person", password="a long word", is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return user


def test_a_visitor_is_offered_to_log_in(client: Client) -> None:
    assert offered(client) == ["Upload", "Images", "Classifiers", "Training", "API", "Log in"]


def test_who_logs_in_comes_back_to_the_page(client: Client) -> None:
    html = client.get("/images/").content.decode()
    assert 'href="/login/?next=%2Fimages%2F"' in html


def test_nobody_is_offered_what_is_not_there_for_them(client: Client) -> None:
    log_in(client)
    assert offered(client) == ["Upload", "Images", "API", "Tokens"]


def test_staff_that_may_see_work_is_offered_all_of_it(client: Client) -> None:
    log_in(client, "view_trainingrun", "view_image", "review_image", is_staff=True)
    assert offered(client) == ["Upload", "Images", "Review", "Classifiers", "Training", "API", "Tokens", "Admin"]


def test_logging_out_leads_to_the_upload_page_as_a_visitor(client: Client) -> None:
    log_in(client)
    assert 'action="/logout/"' in client.get("/").content.decode()
    assert client.post("/logout/").headers["Location"] == "/"
    assert "Log in" in offered(client)


def test_following_a_link_logs_nobody_out(client: Client) -> None:
    log_in(client)
    assert client.get("/logout/").status_code == 405
    assert "Log in" not in offered(client)


def test_who_is_logged_in_is_not_asked_for_it_again(client: Client) -> None:
    log_in(client)
    assert client.get("/login/?next=/images/").headers["Location"] == "/images/"


def test_good_news_and_trouble_look_different(client: Client) -> None:
    html = client.post("/", {}).content.decode() or client.get("/").content.decode()
    assert 'class="message-error" role="alert"' in html


def test_the_review_entry_counts_what_waits_in_every_classifier(client: Client, make_images: MakeImages) -> None:
    birds = create_classifier(slug="birds", name="Birds", labels=LABELS)
    promote(version=make_version(birds, "2" * 64), reason="test")
    make_images(2)
    answer_all([0.5, 0.4, 0.1])
    upload(7, classifier_slug="birds")
    answer_all([0.6, 0.3, 0.1])
    log_in(client, "view_image", "review_image")
    header = client.get("/").content.decode().partition("</header>")[0]
    assert 'Review<span class="nav-count">3<' in header
