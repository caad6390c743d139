"""In the admin: a classifier's schedule and gate are changed through their verbs, and nothing else of the row."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from classifier.models import Classifier
from tests.webapp.admin_site import row_address

pytestmark = pytest.mark.django_db
VALUES = {"train_every_hours": "24", "train_after_examples": "", "gate_policy": "not_worse", "gate_margin": "0.02"}


@pytest.fixture
def admin_user(db: None) -> User:
    """As pytest-django's, without a password: hashing one takes longer than most of these tests."""
    return User.objects.create_superuser("admin")


def address(classifier: Classifier) -> str:
    return row_address("classifier", classifier.pk)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_schedule_and_gate_are_stored(pets: Classifier, admin_client: Client) -> None:
    answer = admin_client.post(address(pets), {**VALUES, "name": "Stolen", "slug": "stolen"})
    assert answer.status_code == 302
    stored = Classifier.objects.get()
    assert (stored.train_every_hours, stored.train_after_examples) == (24, None)
    assert (stored.gate_policy, stored.gate_margin) == ("not_worse", 0.02)
    assert stored.next_training_at is not None
    assert stored.next_training_at > timezone.now() + timedelta(hours=23)
    assert (stored.name, stored.slug) == ("Pets", "pets")


def test_next_run_and_last_outcome_are_shown(pets: Classifier, admin_client: Client) -> None:
    Classifier.objects.update(
        train_every_hours=24,
        next_training_at=datetime(2996, 11, 22, 3, 0, tzinfo=UTC),
        schedule_checked_at=datetime(2996, 11, 21, 3, 0, tzinfo=UTC),
        schedule_outcome="Nothing new to learn since v3.",
    )
    page = words(admin_client.get(address(pets)).content.decode())
    assert "Every 24 hours; next on 22 Nov 2996, 03:00 UTC." in page
    assert "Next run (UTC): 2996-11-22 03:00" in page
    assert "2996-11-21 03:00: Nothing new to learn since v3." in page


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("train_every_hours", "0", "Trainings repeat every 1 to 8,760 hours, which is up to a year."),
        ("train_every_hours", "often", "Enter a whole number."),
        ("train_after_examples", "99999999999", "The number of new pictures lies between 1 and 10,000,000."),
        ("gate_policy", "best", "Select a valid choice. best is not one of the available choices."),
        ("gate_margin", "0.5", "The margin lies between 0.1% and 20% of the pictures."),
    ],
)
def test_a_wrong_value_is_said_and_nothing_is_stored(
    pets: Classifier, admin_client: Client, field: str, value: str, sentence: str
) -> None:
    answer = admin_client.post(address(pets), {**VALUES, field: value})
    assert answer.status_code == 200
    assert sentence in words(answer.content.decode())
    stored = Classifier.objects.get()
    assert (stored.train_every_hours, stored.gate_policy) == (None, "no_harm")


def test_who_may_only_look_changes_nothing(pets: Classifier, client: Client) -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_classifier"))
    client.force_login(staff)
    page = client.get(address(pets))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert client.post(address(pets), VALUES).status_code == 403
    assert Classifier.objects.get().train_every_hours is None
