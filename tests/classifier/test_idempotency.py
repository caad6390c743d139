"""Idempotency keys: fingerprints, repeats, mismatches, and their end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from classifier.errors import Conflict, Refused
from classifier.idempotency import (
    KeyedRequest,
    answer_once,
    find_answer,
    fingerprint_call,
    fingerprint_request,
    forget_old_keys,
    key_request,
    remember_answer,
)
from classifier.models import IdempotencyKey

FILES = [("a.png", "1" * 64), ("b.png", "2" * 64)]


def request(key: str = "k", fingerprint: str = "f", scope: str = "visitor:1") -> KeyedRequest:
    return KeyedRequest(scope=scope, key=key, fingerprint=fingerprint)


def fingerprint(
    classifier: str = "fashion", model: str | None = None, files: list[tuple[str, str]] | None = None
) -> str:
    return fingerprint_request(classifier=classifier, options={"model": model}, files=files or FILES)


def test_an_equal_request_has_an_equal_fingerprint() -> None:
    assert fingerprint() == fingerprint(files=list(FILES))
    assert len(fingerprint()) == 64


@pytest.mark.parametrize(
    "other",
    [
        fingerprint(classifier="cats"),
        fingerprint(model="v2"),
        fingerprint(files=FILES[::-1]),
        fingerprint(files=FILES[:1]),
        fingerprint(files=[("a.png", "1" * 64), ("b.png", "3" * 64)]),
        fingerprint(files=[("a.png", "1" * 64), ("c.png", "2" * 64)]),
    ],
)
def test_another_request_has_another_fingerprint(other: str) -> None:
    assert other != fingerprint()


@pytest.mark.django_db
def test_a_repeat_finds_the_first_answer() -> None:
    remember_answer(request(), {"images": ["x"]})
    assert find_answer(request()) == {"images": ["x"]}


@pytest.mark.django_db
def test_the_same_key_for_another_request_is_refused() -> None:
    remember_answer(request(), {})
    with pytest.raises(Refused) as refusal:
        find_answer(request(fingerprint="other"))
    assert (refusal.value.code, refusal.value.status) == ("idempotency_mismatch", 422)


@pytest.mark.django_db
def test_keys_of_different_people_do_not_meet() -> None:
    remember_answer(request(), {"images": ["x"]})
    assert find_answer(request(scope="visitor:2", fingerprint="other")) is None


@pytest.mark.django_db
def test_an_answer_is_remembered_once() -> None:
    remember_answer(request(), {})
    with pytest.raises(IntegrityError), transaction.atomic():
        remember_answer(request(), {})


@pytest.mark.django_db
def test_a_key_past_its_day_may_be_used_for_other_pictures() -> None:
    remember_answer(request(), {"images": ["x"]})
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=5))
    assert find_answer(request(fingerprint="other")) is None
    remember_answer(request(fingerprint="other"), {"images": ["y"]})
    assert find_answer(request(fingerprint="other")) == {"images": ["y"]}


@pytest.mark.django_db
def test_housekeeping_removes_old_keys_only() -> None:
    remember_answer(request(key="old"), {})
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=2))
    remember_answer(request(key="young"), {})
    assert forget_old_keys() == 1
    assert IdempotencyKey.objects.get().key == "young"


def test_the_order_of_fields_does_not_tell_two_calls_apart() -> None:
    assert fingerprint_call(call="POST /x", asked={"a": 1, "b": None}) == fingerprint_call(
        call="POST /x", asked={"b": None, "a": 1}
    )
    assert fingerprint_call(call="POST /x", asked={"a": 1}) != fingerprint_call(call="POST /y", asked={"a": 1})
    assert fingerprint_call(call="POST /x", asked={"a": 1}) != fingerprint_call(call="POST /x", asked={"a": 2})


@pytest.mark.parametrize("key", ["k" * 201, "a\nb", "\x00"])
def test_a_key_that_cannot_be_kept_is_refused(key: str) -> None:
    with pytest.raises(Refused):
        key_request(scope="user:1", key=key, fingerprint="f")


@pytest.mark.django_db
def test_an_equal_call_acts_once_and_is_answered_alike() -> None:
    acted: list[int] = []

    def act() -> dict[str, int]:
        acted.append(1)
        return {"run": len(acted)}

    assert [answer_once(request(), act) for _ in range(3)] == [{"run": 1}] * 3
    assert len(acted) == 1
    assert answer_once(request(scope="visitor:2"), act) == {"run": 2}


@pytest.mark.django_db
def test_what_was_refused_is_not_kept_and_leaves_nothing() -> None:
    def refuse() -> dict[str, int]:
        remember_answer(request(key="side"), {})
        raise Conflict

    with pytest.raises(Conflict):
        answer_once(request(), refuse)
    assert not IdempotencyKey.objects.exists()
    assert answer_once(request(), lambda: {"run": 1}) == {"run": 1}


@pytest.mark.django_db
def test_a_call_that_fails_since_an_equal_one_was_faster_gets_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([None, {"answer": '{"run": 1}'}])
    monkeypatch.setattr("classifier.idempotency.find_answer", lambda request: next(looks))

    def meet_it() -> dict[str, int]:
        raise Conflict("It is in training already.")

    assert answer_once(request(), meet_it) == {"run": 1}
