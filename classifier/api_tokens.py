"""Tokens of programs: made once and shown once, found by their digest, revoked at once."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet
from django.utils import timezone

from classifier.errors import Refused
from classifier.models import ApiToken
from classifier.write_transactions import write_transaction

Scope = ApiToken.Scope

USED_EVERY: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=36_500)
_LETTERS: Final = string.ascii_letters + string.digits
_PREFIX_LETTERS: Final = 8
# 43 of 62 letters and digits hold 256 bits; without signs a double click marks the whole token.
_SECRET_LETTERS: Final = 43
_SHAPE: Final = re.compile(rf"wi_[A-Za-z0-9]{{{_PREFIX_LETTERS}}}_[A-Za-z0-9]{{{_SECRET_LETTERS}}}")
_NAME_LETTERS: Final = 120
_ATTRIBUTE: Final = "whatsit_token"


def create_token(
    *, user: User, name: str, scopes: Collection[str], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which nobody can read again. Raises Refused with what is wrong."""
    name = " ".join(name.split())
    if not name or len(name) > _NAME_LETTERS or not name.isprintable():
        raise Refused("malformed_request", f"Name what will use the token, in at most {_NAME_LETTERS} letters.")
    if expires_at is not None and not timedelta() < expires_at - timezone.now() <= LONGEST:
        raise Refused("malformed_request", "A token can only expire in the future, within a hundred years.")
    prefix = f"wi_{_random_letters(_PREFIX_LETTERS)}"
    text = f"{prefix}_{_random_letters(_SECRET_LETTERS)}"
    with write_transaction():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=_digest(text),
            scopes=_ordered(scopes),
            expires_at=expires_at,
        )
    return token, text


def find_token(text: str) -> ApiToken | None:
    """The usable token with its user: neither revoked nor expired, and the user may log in. Else None."""
    if not _SHAPE.fullmatch(text):
        return None
    usable = usable_tokens().filter(digest=_digest(text), user__is_active=True)
    return usable.select_related("user").first()


def usable_tokens() -> QuerySet[ApiToken]:
    """Those neither revoked nor expired."""
    return ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


def state_of(token: ApiToken) -> str:
    """`usable`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at and token.expires_at <= timezone.now() else "usable"


def note_use(*, token: ApiToken) -> None:
    """Remember that it was used, at most once a minute: a busy program must not write a row at each call."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - USED_EVERY:
        return
    stale = ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY), pk=token.pk)
    with write_transaction():
        stale.update(last_used_at=now)


def revoke_token(*, token: ApiToken) -> bool:
    """From the next call on it is worth nothing. False where it was revoked before."""
    now = timezone.now()
    with write_transaction():
        revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)
    if revoked:
        token.revoked_at = now
    return bool(revoked)


def acting_user(token: ApiToken) -> User:
    """The token's user, marked as acting through it; `token_of` reads the mark."""
    user = token.user
    setattr(user, _ATTRIBUTE, token)
    return user


def token_of(user: AbstractBaseUser | AnonymousUser) -> ApiToken | None:
    """The token through which this user calls; None for a person."""
    token = getattr(user, _ATTRIBUTE, None)
    return token if isinstance(token, ApiToken) else None


def has_scope(token: ApiToken, scope: str) -> bool:
    """Admin holds all others."""
    return scope in token.scopes or Scope.ADMIN in token.scopes


def _ordered(scopes: Collection[str]) -> list[str]:
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown or not scopes:
        what = f"There is no scope “{unknown[0]}”." if unknown else "A token without a scope could do nothing."
        raise Refused("malformed_request", f"{what} Choose from {', '.join(Scope.values)}.")
    return [scope for scope in Scope.values if scope in scopes]


def _random_letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
