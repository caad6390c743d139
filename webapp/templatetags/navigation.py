"""The entries of the header, in one list: a page joins the header by a line in ENTRIES."""

from collections.abc import Callable
from dataclasses import dataclass

from django import template
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.template.context import Context
from django.urls import NoReverseMatch, reverse

from classifier.classifiers import find_classifier
from classifier.errors import NotFound
from classifier.review_queue import count_waiting
from webapp.access import may_review

register = template.Library()


Asker = User | AnonymousUser
MOST_COUNTED = 999


def describe_waiting() -> str:
    """What waits for the default classifier: “12”, “999+”, or nothing."""
    try:
        waiting = count_waiting(find_classifier(None), at_most=MOST_COUNTED + 1)
    except NotFound:
        return ""
    return f"{MOST_COUNTED}+" if waiting > MOST_COUNTED else str(waiting or "")


@dataclass(frozen=True, slots=True)
class Entry:
    """With a `right`, the entry is shown to people who have it; `count` is asked for them alone."""

    words: str
    url_name: str
    right: Callable[[Asker], bool] | None = None
    count: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class ShownEntry:
    words: str
    address: str
    is_current: bool
    count: str = ""


ENTRIES = (
    Entry("Upload", "upload"),
    Entry("Images", "gallery"),
    Entry("Review", "review", right=may_review, count=describe_waiting),
    Entry("Classifiers", "classifiers"),
    Entry("Training", "trainings"),
    Entry("API", "api-docs"),
    Entry("Admin", "admin:index"),
)


@register.inclusion_tag("navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, list[ShownEntry]]:
    """The entries whose page exists in this site; the page being shown is marked."""
    request = context.get("request")
    path = request.path if isinstance(request, HttpRequest) else ""
    user: Asker = getattr(request, "user", None) or AnonymousUser()
    return {"entries": [shown for entry in ENTRIES if (shown := _show(entry, path, user))]}


def _show(entry: Entry, path: str, user: Asker) -> ShownEntry | None:
    if entry.right and not entry.right(user):
        return None
    try:
        address = reverse(entry.url_name)
    except NoReverseMatch:
        return None
    is_current = path == address or (address != "/" and path.startswith(address))
    return ShownEntry(entry.words, address, is_current, entry.count() if entry.count else "")
