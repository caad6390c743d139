"""Idempotency keys: a repeated request gets the first one's answer; the same key for other pictures is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from classifier.errors import Refused
from classifier.models import IdempotencyKey


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
