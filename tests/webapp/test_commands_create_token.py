"""`manage.py create_token`: the token alone on standard output, everything else beside it."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from classifier.api_tokens import find_token
from classifier.models import ApiToken
from tests.webapp.people import person

pytestmark = pytest.mark.django_db


def create(*arguments: str, **options: Any) -> tuple[str, str]:
    printed, said = io.StringIO(), io.StringIO()
    call_command("create_token", *arguments, stdout=printed, stderr=said, **options)
    return printed.getvalue(), said.getvalue()


def test_it_prints_a_working_token_and_nothing_beside_it() -> None:
    person()
    printed, said = create("person", "--scopes", "predict", "review", "--name", "camera", "--expires-days", "7")
    token = find_token(printed.strip())
    assert token is not None
    assert (token.name, token.scopes, token.user.username) == ("camera", ["predict", "review"], "person")
    assert token.expires_at is not None
    assert timedelta(days=6) < token.expires_at - timezone.now() <= timedelta(days=7)
    assert "It acts for person within predict, review" in said
    assert printed.strip() not in said


def test_scopes_may_be_separated_by_commas_and_the_end_left_open() -> None:
    person()
    create("person", "--scopes", "predict,train")
    token = ApiToken.objects.get()
    assert (token.scopes, token.expires_at) == (["predict", "train"], None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "--scopes", "predict"], "no user “nobody”"),
        (["barred", "--scopes", "predict"], "no user “barred”"),
        (["person"], "required: --scopes"),
        (["person", "--scopes", "fly"], "There is no scope “fly”"),
        (["person", "--scopes", ","], "could do nothing"),
        (["person", "--scopes", "predict", "--name", ""], "Name what will use"),
        (["person", "--scopes", "predict", "--expires-days", "0"], "between 1 and"),
        (["person", "--scopes", "predict", "--expires-days", "36501"], "between 1 and"),
    ],
)
def test_what_cannot_be_made_is_a_sentence_and_leaves_nothing(arguments: list[str], sentence: str) -> None:
    person()
    User.objects.create_user("barred", is_active=False)
    with pytest.raises(CommandError, match=sentence):
        create(*arguments)
    assert not ApiToken.objects.exists()
