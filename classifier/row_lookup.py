"""One row by an id that somebody sent: unknown and malformed ids are answered alike."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from classifier.errors import NotFound
from classifier.identifiers import parse_id

Row = TypeVar("Row", bound=Model)


def find_row(rows: QuerySet[Row], identifier: str, *, missing: str | None = None) -> Row:
    """The one of these rows with this id. Raises NotFound, with the sentence `missing` where there is one."""
    parsed = parse_id(identifier)
    found = rows.filter(pk=parsed).first() if parsed else None
    if found is None:
        raise NotFound(missing)
    return found
