"""The header: its pages, in one list that a page joins by a line, and beside them who is logged in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import template
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.template.context import Context
from django.urls import NoReverseMatch, reverse

from classifier.review_queue import count_all_waiting
from webapp.access import may_have_tokens, may_review, may_see_work

register = template.Library()


Asker = User | AnonymousUser
MOST_COUNTED = 999


def describe_waiting() -> str:
    """What waits for a review, whatever its classifier: “12”, “999+”, or nothing."""
    waiting = count_all_waiting(at_most=MOST_COUNTED + 1)
    return f"{MOST_COUNTED}+" if waiting > MOST_COUNTED else str(waiting or "")


@dataclass(frozen=True, slots=True)
class Entry:
    """With a `right`, the entry is shown to people who have it; `count` is asked for them alone.

    What is `aside` stands beside the log-in, apart from the pages of daily work.
    """

    words: str
    url_name: str
    right: Callable[[Asker], bool] | None = None
    count: Callable[[], str] | None = None
    aside: bool = False


@dataclass(frozen=True, slots=True)
class ShownEntry:
    words: str
    address: str
    is_current: bool
    count: str = ""


def may_see_work_once_logged_in(user: Asker) -> bool:
    """Whoever is not logged in is asked for it there; only people for whom nothing is there see no entry."""
    return isinstance(user, AnonymousUser) or may_see_work(user)


def may_administer(user: Asker) -> bool:
    """The admin pages are for staff."""
    return isinstance(user, User) and user.is_staff


ENTRIES = (
    Entry("Upload", "upload"),
    Entry("Images", "gallery"),
    Entry("Review", "review", right=may_review, count=describe_waiting),
    Entry("Classifiers", "classifiers", right=may_see_work_once_logged_in),
    Entry("Training", "trainings", right=may_see_work_once_logged_in),
    Entry("API", "api-docs", aside=True),
    Entry("Tokens", "tokens", right=may_have_tokens, aside=True),
    Entry("Admin", "admin:index", right=may_administer, aside=True),
)


@register.inclusion_tag("navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, Any]:
    """The entries whose page exists in this site; the page being shown is marked. And who may log out."""
    request = context.get("request")
    path = request.path if isinstance(request, HttpRequest) else ""
    user: Asker = getattr(request, "user", None) or AnonymousUser()
    return {
        "entries": _show_all(path, user, aside=False),
        "entries_aside": _show_all(path, user, aside=True),
        "user": user,
        "login_address": _login_address(request),
    }


def _show_all(path: str, user: Asker, *, aside: bool) -> list[ShownEntry]:
    return [shown for entry in ENTRIES if entry.aside is aside and (shown := _show(entry, path, user))]


def _login_address(request: HttpRequest | None) -> str:
    """Back to this page afterwards, where it is one that can be asked for again."""
    login = reverse("login")
    if not isinstance(request, HttpRequest) or request.method != "GET" or request.path in {"/", login}:
        return login
    return f"{login}?{urlencode({'next': request.get_full_path()})}"


def _show(entry: Entry, path: str, user: Asker) -> ShownEntry | None:
    if entry.right and not entry.right(user):
        return None
    try:
        address = reverse(entry.url_name)
    except NoReverseMatch:
        return None
    is_current = path == address or (address != "/" and path.startswith(address))
    return ShownEntry(entry.words, address, is_current, entry.count() if entry.count else "")
