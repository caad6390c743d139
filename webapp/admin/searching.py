"""What a search box of the long lists understands: an id, a sent file's SHA-256, an owner; of images a name."""

from __future__ import annotations

import re
from typing import Any, Final

from django.db.models import Q, QuerySet

from classifier.identifiers import parse_id
from classifier.models import Image

HINT = "An id, the SHA-256 of the sent file, or an owner such as user:5. Whole values only."
NAMES_LOOKED_THROUGH: Final = 100_000
IMAGE_HINT = (
    "An id, the beginning of a sent file's SHA-256 (8 or more characters), an owner such as user:5, or a part of a "
    f"name: names of the newest {NAMES_LOOKED_THROUGH:,} images are looked through."
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA256_START = re.compile(r"[0-9a-f]{8,64}")
_MOST_ALIKE: Final = 200


def image_condition(text: str, *, path: str = "") -> Q | None:
    """The condition on an image (behind `path`), by one indexed column; None when the text can be none of these."""
    word = text.strip()
    if (identifier := parse_id(word)) is not None:
        return Q(**{f"{path}id": identifier})
    if _SHA256.fullmatch(word.lower()):
        return Q(**{f"{path}sha256": word.lower()})
    if word.partition(":")[0] in {"user", "visitor", "token"}:
        return Q(**{f"{path}owner": word})
    return None


def search_images(images: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Those images that the text means; every way there is by an index, or bounded."""
    word = text.strip()
    if not word or "\x00" in word:
        return images.none() if word else images
    condition = image_condition(word)
    if condition is not None:
        return images.filter(condition)
    start = word.lower()
    if _SHA256_START.fullmatch(start):
        # A range, since LIKE uses no index on SQLite; "g" comes behind every hexadecimal digit.
        alike = Image.objects.filter(sha256__gte=start, sha256__lt=f"{start}g").order_by()
        found = list(alike.values_list("id", flat=True)[:_MOST_ALIKE])
        if found:
            return images.filter(id__in=found)
    return _named(images, word)


def _named(images: QuerySet[Any], part: str) -> QuerySet[Any]:
    """No index finds a part of a name, so the look ends somewhere."""
    newest = Image.objects.order_by("-id").values_list("id", flat=True)
    oldest = newest[NAMES_LOOKED_THROUGH - 1 : NAMES_LOOKED_THROUGH]
    named = images.filter(name__icontains=part)
    for identifier in oldest:
        named = named.filter(id__gte=identifier)
    return named
