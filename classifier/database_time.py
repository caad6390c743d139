"""The database's clock, the only one that leases and delays believe."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.functions import Now


def moments_from_now(seconds: float) -> Any:
    """An expression: the database's now plus `seconds`."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def is_lease_over(field: str = "lease_until") -> Q:
    """A condition: nobody holds the row, or whoever did has been silent for too long."""
    return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lt": Now()})


def now_sql() -> str:
    """The database's now in SQL, in the form in which Django stores moments on this engine."""
    return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')" if connection.vendor == "sqlite" else "STATEMENT_TIMESTAMP()"
