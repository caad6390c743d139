"""Tokens at rest and in use: what is kept of them, and when they stop being worth anything."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from classifier.api_tokens import create_token, find_token, has_scope, note_use, revoke_token
from classifier.errors import Refused
from classifier.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("person")


def make(user: User, *, scopes: tuple[str, ...] = ("predict",), **more: Any) -> tuple[ApiToken, str]:
    return create_token(user=user, name="camera", scopes=scopes, **more)


def test_it_begins_with_its_prefix_and_holds_256_random_bits(user: User) -> None:
    token, text = make(user)
    word, prefix, secret = text.split("_")
    assert (word, f"wi_{prefix}") == ("wi", token.prefix)
    assert (len(prefix), len(secret)) == (8, 43)  # 62 ** 43 is more than 2 ** 256
    assert secret.isalnum()


def test_the_row_holds_its_digest_and_nothing_else_of_it(user: User) -> None:
    token, text = make(user)
    assert token.digest == hashlib.sha256(text.encode()).hexdigest()
    values = ApiToken.objects.values().get()
    secret = text.split("_")[2]
    assert not any(secret in str(value) for value in values.values())


def test_no_two_are_alike(user: User) -> None:
    assert len({make(user)[1] for _ in range(20)}) == 20


def test_it_is_found_by_its_text_with_its_user(user: User) -> None:
    token, text = make(user)
    found = find_token(text)
    assert found == token
    assert found is not None
    assert found.user == user


@pytest.mark.parametrize("text", ["", "wi_", "nonsense", "wi_aaaaaaaa_" + "a" * 43, "wi_aaaaaaaa_" + "a" * 44, "\x00é"])
def test_what_was_never_made_is_not_found(user: User, text: str) -> None:
    make(user)
    assert find_token(text) is None


def test_another_ending_is_another_token(user: User) -> None:
    _, text = make(user)
    assert find_token(text[:-1] + ("a" if text[-1] != "a" else "b")) is None
    assert find_token(text + "\n") is None


def test_a_revoked_one_is_worth_nothing_at_once(user: User) -> None:
    token, text = make(user)
    assert revoke_token(token=token)
    assert find_token(text) is None
    assert ApiToken.objects.get().revoked_at is not None


def test_revoking_twice_keeps_the_first_time(user: User) -> None:
    token, _ = make(user)
    revoke_token(token=token)
    first = ApiToken.objects.get().revoked_at
    assert not revoke_token(token=token)
    assert ApiToken.objects.get().revoked_at == first


def test_an_expired_one_is_worth_nothing(user: User) -> None:
    token, text = make(user, expires_at=timezone.now() + timedelta(days=1))
    assert find_token(text) == token
    ApiToken.objects.update(expires_at=timezone.now())
    assert find_token(text) is None


def test_it_is_worth_nothing_while_its_user_is_barred(user: User) -> None:
    token, text = make(user)
    User.objects.update(is_active=False)
    assert find_token(text) is None
    User.objects.update(is_active=True)
    assert find_token(text) == token


def test_its_use_is_noted_at_most_once_a_minute(user: User, django_assert_num_queries: Any) -> None:
    token, text = make(user)
    note_use(token=token)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    again = find_token(text)
    assert again is not None
    with django_assert_num_queries(0):
        note_use(token=again)
    note_use(token=token)  # read before the first use: the row decides
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=1))
    note_use(token=ApiToken.objects.get())
    later = ApiToken.objects.get().last_used_at
    assert later is not None
    assert later >= first


def test_scopes_are_kept_once_and_in_order(user: User) -> None:
    token, _ = make(user, scopes=("train", "predict", "train"))
    assert token.scopes == ["predict", "train"]


def test_admin_holds_every_scope_and_the_others_only_themselves(user: User) -> None:
    admin, _ = make(user, scopes=("admin",))
    train, _ = make(user, scopes=("train",))
    assert all(has_scope(admin, scope) for scope in ApiToken.Scope.values)
    assert [scope for scope in ApiToken.Scope.values if has_scope(train, scope)] == ["train"]


@pytest.mark.parametrize(
    ("name", "scopes", "expires_in_days", "sentence"),
    [
        ("", ("predict",), None, "Name what will use the token"),
        ("x" * 121, ("predict",), None, "Name what will use the token"),
        ("camera", (), None, "could do nothing"),
        ("camera", ("predict", "fly"), None, "There is no scope “fly”"),
        ("camera", ("predict",), -1, "only expire in the future"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(
    user: User, name: str, scopes: tuple[str, ...], expires_in_days: int | None, sentence: str
) -> None:
    expires_at = None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days)
    with pytest.raises(Refused, match=sentence):
        create_token(user=user, name=name, scopes=scopes, expires_at=expires_at)
    assert not ApiToken.objects.exists()
