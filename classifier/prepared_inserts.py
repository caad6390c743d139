"""Inserting many rows by one prepared statement per table: Django's bulk_create compiles its SQL anew for each call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any

from django.db import connection, models
from django.utils import timezone

Convert = Callable[[Any], Any]
ROWS_A_STATEMENT = 200


def insert_rows(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model as they are; `auto_now_add` moments are filled in. Raises IntegrityError."""
    if not rows:
        return
    head, place, columns = _plan(type(rows[0]), connection.vendor)
    moment = timezone.now()
    values = []
    for row in rows:
        held = row.__dict__
        for name, _, is_moment_of_making in columns:
            if is_moment_of_making:
                held[name] = moment
        values.append([convert(held[name]) if convert else held[name] for name, convert, _ in columns])
        row._state.adding = False
        row._state.db = connection.alias
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.executemany(head + place, values)
            return
        for first in range(0, len(values), ROWS_A_STATEMENT):
            part = values[first : first + ROWS_A_STATEMENT]
            cursor.execute(head + ", ".join([place] * len(part)), [value for row in part for value in row])


@lru_cache(maxsize=32)
def _plan(model: type[models.Model], vendor: str) -> tuple[str, str, tuple[tuple[str, Convert | None, bool], ...]]:
    """The statement up to its VALUES, one row's placeholders, and per column: attribute, conversion, filled in here."""
    fields = model._meta.concrete_fields
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(
        "%s::jsonb" if vendor != "sqlite" and isinstance(field, models.JSONField) else "%s" for field in fields
    )
    columns = tuple(
        (field.attname, _conversion(field, vendor), bool(getattr(field, "auto_now_add", False))) for field in fields
    )
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ', f"({places})", columns  # noqa: S608 - names of our models only


def _conversion(field: Any, vendor: str) -> Convert | None:
    """How a Python value becomes what this database stores; None where it already is."""
    while field.is_relation:
        field = field.target_field
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else json.dumps(value)
    if vendor == "sqlite" and isinstance(field, models.UUIDField):
        return lambda value: None if value is None else value.hex
    if vendor == "sqlite" and isinstance(field, models.DateTimeField):
        return lambda value: None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))
    return None
