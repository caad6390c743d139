"""People with roles, logged in."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client


def person(role: str = "", *, name: str = "") -> User:
    """A user in the group of this role; `admin` is a superuser, no role an account without rights."""
    user = User.objects.get_or_create(username=name or role or "person", defaults={"is_superuser": role == "admin"})[0]
    if role not in ("", "admin"):
        user.groups.add(Group.objects.get(name=role))
    return user


def client_of(user: User) -> Client:
    """A browser in which this user is logged in."""
    client = Client()
    client.force_login(user)
    return client
