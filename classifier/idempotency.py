"""Idempotency keys: a repeated request gets the first one's answer; the same key for another is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from classifier.errors import Refused, WhatsitError
from classifier.models import IdempotencyKey
from classifier.write_transactions import write_transaction

LONGEST_KEY: Final = 200
# As text: PostgreSQL sorts the fields of JSON anew, and a repeat gets the same bytes.
_KEPT: Final = "answer"


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """Scope, key and fingerprint of one request that asked to be idempotent."""

    scope: str
    key: str
    fingerprint: str


def fingerprint_request(*, classifier: str, options: dict[str, str | None], files: Sequence[tuple[str, str]]) -> str:
    """SHA-256 over what was asked: classifier, options and the ordered (name, sha256) pairs.

    Not over the raw body: an honest retry has another multipart boundary.
    """
    text = json.dumps([classifier, sorted(options.items()), list(files)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint_call(*, call: str, asked: object) -> str:
    """SHA-256 over what a call without files asked: its name and place, and its body as it was understood."""
    return hashlib.sha256(json.dumps([call, asked], sort_keys=True).encode()).hexdigest()


def key_request(*, scope: str, key: str, fingerprint: str) -> KeyedRequest:
    """Raises Refused for a key that cannot be kept."""
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Refused("malformed_request", f"An Idempotency-Key has at most {LONGEST_KEY} printable characters.")
    return KeyedRequest(scope=scope, key=key, fingerprint=fingerprint)


def answer_once(request: KeyedRequest, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `act` answered the first time; it acts, and its answer is kept, in one transaction.

    An equal request that was faster may have made `act` fail (the thing is there already): its answer counts then.
    What was refused is not kept, so it may be tried again under the same key. Raises what `act` raises, Refused.
    """
    if kept := find_answer(request):
        return _read_kept(kept)
    try:
        with write_transaction():
            answer = act()
            remember_answer(request, {_KEPT: json.dumps(answer)})
    except (IntegrityError, WhatsitError):
        if kept := find_answer(request):
            return _read_kept(kept)
        raise
    return answer


def _read_kept(kept: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(kept[_KEPT])
    return answer


def find_answer(request: KeyedRequest) -> dict[str, Any] | None:
    """The stored answer of an earlier equal request. Raises Refused (idempotency_mismatch) if it was another."""
    row = IdempotencyKey.objects.filter(scope=request.scope, key=request.key).first()
    if row is None:
        return None
    if row.created_at < timezone.now() - timedelta(seconds=settings.IDEMPOTENCY_KEY_SECONDS):
        row.delete()
        return None
    if row.fingerprint != request.fingerprint:
        raise Refused("idempotency_mismatch")
    answer: dict[str, Any] = row.answer
    return answer


def remember_answer(request: KeyedRequest, answer: dict[str, Any]) -> None:
    """Write the key inside the caller's transaction; an IntegrityError there means an equal request was faster."""
    IdempotencyKey.objects.create(scope=request.scope, key=request.key, fingerprint=request.fingerprint, answer=answer)


def forget_old_keys() -> int:
    """Housekeeping: remove keys past their time; returns how many."""
    limit = timezone.now() - timedelta(seconds=settings.IDEMPOTENCY_KEY_SECONDS)
    return IdempotencyKey.objects.filter(created_at__lt=limit).delete()[0]
