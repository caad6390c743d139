"""The entries of the header, in one list: a page joins the header by a line in ENTRIES."""

from dataclasses import dataclass

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.urls import NoReverseMatch, reverse

register = template.Library()


@dataclass(frozen=True, slots=True)
class Entry:
    words: str
    url_name: str


@dataclass(frozen=True, slots=True)
class ShownEntry:
    words: str
    address: str
    is_current: bool


ENTRIES = (
    Entry("Upload", "upload"),
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
    return {"entries": [shown for entry in ENTRIES if (shown := _show(entry, path))]}


def _show(entry: Entry, path: str) -> ShownEntry | None:
    try:
        address = reverse(entry.url_name)
    except NoReverseMatch:
        return None
    return ShownEntry(entry.words, address, is_current=path == address or (address != "/" and path.startswith(address)))
