"""Changing many rows, each by its own values, with one prepared statement.

Django's bulk_update builds a CASE for each field and costs twenty times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from classifier.models import Prediction


def update_rows(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run an UPDATE once for each row of values; the caller's transaction holds them together."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def database_id(identifier: UUID | None) -> Any:
    """An id as this database stores it; all models' ids are of one kind."""
    return Prediction._meta.pk.get_db_prep_value(identifier, connection)


def json_placeholder() -> str:
    """Where a JSON text goes in a statement."""
    return "%s" if connection.vendor == "sqlite" else "%s::jsonb"
