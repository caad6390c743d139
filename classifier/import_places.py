"""Which places may be named for an import on the web: other stores, and folders that the operator has opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from classifier.errors import Refused
from classifier.storage_settings import storage_configuration

INCOMING: Final = "storage://incoming/"
_CLOUDS: Final = frozenset({"s3", "gs", "azure"})
_KINDS: Final = "Name a storage URL: s3://bucket/folder, gs://bucket/folder, azure://container/folder, or storage://incoming/folder."


def check_place(text: str) -> str:
    """The place as the worker opens it. Raises Refused with what may be named instead.

    The site's own pictures are no place to import from: who trains need not be allowed to see them all. An endpoint
    would have the worker call any address inside the network.
    """
    place = text.strip()
    if len(place) > 500 or not place.isprintable():
        raise Refused("malformed_request", "A place has at most 500 visible characters.")
    if "://" not in place or place.startswith("file://"):
        return _check_folder(place.removeprefix("file://"))
    parts = urlsplit(place)
    if parts.scheme == "storage":
        if not place.startswith(INCOMING) or ".." in place:
            raise Refused("malformed_request", f"Of the site's own storage only {INCOMING}… can be imported.")
        return place
    if parts.scheme not in _CLOUDS:
        raise Refused("malformed_request", _KINDS)
    own = urlsplit(settings.STORAGE_URL)
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        raise Refused("malformed_request", f"That is the site's own storage. Put the pictures under {INCOMING}… there.")
    if _endpoint(place) not in (None, _endpoint(settings.STORAGE_URL)):
        raise Refused("malformed_request", "Only the operator may name an endpoint, with manage.py import_images.")
    try:
        storage_configuration(place, base_dir=settings.BASE_DIR)
    except ImproperlyConfigured as problem:
        raise Refused("malformed_request", str(problem).replace("STORAGE_URL", "The place")) from problem
    return place


def _check_folder(text: str) -> str:
    if not settings.IMPORT_FOLDERS:
        raise Refused("malformed_request", f"Folders of the server cannot be imported from here. {_KINDS}")
    path = Path(text).resolve()
    if not any(path.is_relative_to(Path(allowed).resolve()) for allowed in settings.IMPORT_FOLDERS):
        allowed_words = ", ".join(settings.IMPORT_FOLDERS)
        raise Refused("malformed_request", f"Of the server's folders only these can be imported: {allowed_words}.")
    return str(path)


def _endpoint(url: str) -> str | None:
    return dict(parse_qsl(urlsplit(url).query)).get("endpoint")
