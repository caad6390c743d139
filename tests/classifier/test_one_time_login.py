"""The first administrator and the links that log in once."""

import time
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core import signing

from classifier import one_time_login
from classifier.errors import NotAllowed
from classifier.one_time_login import ensure_first_admin, make_login_token, redeem_login_token

pytestmark = pytest.mark.django_db


def test_the_first_admin_may_do_everything_but_has_no_password() -> None:
    admin = ensure_first_admin()
    assert admin.username == "admin"
    assert admin.is_staff
    assert admin.is_superuser
    assert not admin.has_usable_password()


def test_an_existing_admin_is_left_as_it_is() -> None:
    made = User.objects.create_user("admin", password="a good long secret")
    found = ensure_first_admin()
    assert found.pk == made.pk
    assert found.check_password("a good long secret")
    assert not found.is_superuser


def test_a_link_gives_its_user_once() -> None:
    admin = ensure_first_admin()
    token = make_login_token(admin)
    assert redeem_login_token(token) == admin
    with pytest.raises(NotAllowed):
        redeem_login_token(token)


def test_using_one_link_ends_the_others() -> None:
    admin = ensure_first_admin()
    first, second = make_login_token(admin), make_login_token(admin)
    redeem_login_token(second)
    with pytest.raises(NotAllowed):
        redeem_login_token(first)


def test_a_link_made_after_a_login_works() -> None:
    admin = ensure_first_admin()
    User.objects.filter(pk=admin.pk).update(last_login=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))
    token = make_login_token(ensure_first_admin())
    assert redeem_login_token(token).pk == admin.pk


def test_a_link_dies_after_fifteen_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = ensure_first_admin()
    past = time.time() - 15 * 60 - 2
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: past)
        token = make_login_token(admin)
    with pytest.raises(NotAllowed):
        redeem_login_token(token)


def test_two_who_follow_a_link_in_the_same_moment_do_not_both_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = ensure_first_admin()
    token = make_login_token(admin)
    as_both_saw_it = User.objects.get(pk=admin.pk)
    monkeypatch.setattr(one_time_login, "find_active_user", lambda key: as_both_saw_it)
    User.objects.filter(pk=admin.pk).update(last_login=datetime(2026, 1, 1, tzinfo=UTC))  # the faster one
    with pytest.raises(NotAllowed):
        redeem_login_token(token)


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c", "é:1:2"])
def test_a_forged_link_is_refused(token: str) -> None:
    with pytest.raises(NotAllowed):
        redeem_login_token(token)


def test_a_barred_user_is_refused() -> None:
    admin = ensure_first_admin()
    token = make_login_token(admin)
    User.objects.filter(pk=admin.pk).update(is_active=False)
    with pytest.raises(NotAllowed):
        redeem_login_token(token)


def test_a_token_signed_for_something_else_is_refused() -> None:
    other = signing.TimestampSigner(salt="elsewhere").sign_object({"user": ensure_first_admin().pk, "last_login": ""})
    with pytest.raises(NotAllowed):
        redeem_login_token(other)
