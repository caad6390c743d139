"""The first administrator, and links that log in once. A link dies with its use, any other login, and time."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone

from classifier.errors import NotAllowed
from classifier.write_transactions import write_transaction

ADMIN_NAME = "admin"
LINK_SECONDS = 15 * 60
_signer = signing.TimestampSigner(salt="whatsit.one-time-login")


def ensure_first_admin() -> User:
    """Return the user `admin`, made without a usable password at the first call; an existing one stays as it is."""
    with write_transaction():
        user, _ = User.objects.get_or_create(
            username=ADMIN_NAME, defaults={"is_staff": True, "is_superuser": True, "password": make_password(None)}
        )
    return user


def make_login_token(user: User) -> str:
    """Sign who may log in and when they last did: the second fact is what makes the link work once."""
    return _signer.sign_object({"user": user.pk, "last_login": _last_login_text(user)})


def redeem_login_token(token: str) -> User:
    """Use the link up and return its user. Raises NotAllowed for a forged, late or used link, or a barred user."""
    facts = _read_token(token)
    user = find_active_user(facts["user"])
    if user is None or _last_login_text(user) != facts["last_login"]:
        raise NotAllowed
    now = timezone.now()
    used = User.objects.filter(pk=user.pk, is_active=True, last_login=user.last_login)
    with write_transaction():
        if not used.update(last_login=now):  # somebody else followed the link in this very moment
            raise NotAllowed
    user.last_login = now
    return user


def find_active_user(key: int) -> User | None:
    """The user with this key, unless barred."""
    return User.objects.filter(pk=key, is_active=True).first()


def _read_token(token: str) -> dict[str, Any]:
    try:
        facts = _signer.unsign_object(token, max_age=LINK_SECONDS)
    except (signing.BadSignature, ValueError) as error:
        raise NotAllowed from error
    return dict(facts)


def _last_login_text(user: User) -> str:
    return user.last_login.isoformat() if user.last_login else ""
