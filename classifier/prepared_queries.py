"""Queries that Django compiles once per process instead of at each call: compiling costs ten times the query itself.

For the few questions that every upload and every batch asks; everything else uses the ORM as it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery

Value = UUID | str | None | Sequence[UUID]
PLANS_KEPT = 512


@dataclass(frozen=True, slots=True)
class _Plan:
    """Compiled SQL; `places` are (position in the parameters, position among the caller's flattened values)."""

    sql: str
    parameters: tuple[Any, ...]
    places: tuple[tuple[int, int], ...]
    compiler: Any = None
    converters: Any = None

    def fill(self, values: Sequence[Any]) -> list[Any]:
        filled = list(self.parameters)
        for position, index in self.places:
            value = values[index]
            filled[position] = value.hex if connection.vendor == "sqlite" and isinstance(value, UUID) else value
        return filled


class _Prepared:
    """`build` is called with stand-ins for the values, once for each engine and shape (None, one, or how many)."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self._plans: dict[Any, _Plan] = {}

    def _plan_for(self, values: Sequence[Value]) -> _Plan:
        shape = (connection.vendor, *(_shape(value) for value in values))
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[shape] = self._compile([_stand_in(value) for value in values])
        return plan

    def _compile(self, stand_ins: list[Any]) -> _Plan:
        raise NotImplementedError


class PreparedQuery(_Prepared):
    """For `values_list` queries: `rows(*values)` gives their tuples."""

    def rows(self, *values: Value) -> list[tuple[Any, ...]]:
        plan = self._plan_for(values)
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, plan.fill(_flatten(values)))
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        if not plan.converters or not rows:
            return rows
        return [tuple(row) for row in plan.compiler.apply_converters(rows, plan.converters)]

    def _compile(self, stand_ins: list[Any]) -> _Plan:
        queryset: QuerySet[Any] = self._build(*stand_ins)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column[0] for column in compiler.select[: compiler.col_count]]
        places = _find_places(parameters, stand_ins)
        return _Plan(sql, tuple(parameters), places, compiler, compiler.get_converters(columns))


class PreparedUpdate(_Prepared):
    """For conditional updates: `build` returns the filtered rows and the new values; `run` how many rows changed."""

    def run(self, *values: Value) -> int:
        plan = self._plan_for(values)
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, plan.fill(_flatten(values)))
            changed: int = cursor.rowcount
            return changed

    def _compile(self, stand_ins: list[Any]) -> _Plan:
        queryset, changes = self._build(*stand_ins)
        query = queryset.query.chain(UpdateQuery)
        query.add_update_values(changes)
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        return _Plan(sql, tuple(parameters), _find_places(parameters, stand_ins))


def _shape(value: Value) -> object:
    if value is None or isinstance(value, UUID | str):
        return value is None
    return len(value)


def _stand_in(value: Value) -> Any:
    """Something that the compiled parameters hold nowhere else."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return uuid4()
    return secrets.token_hex(16) if isinstance(value, str) else [uuid4() for _ in value]


def _flatten(values: Sequence[Value]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple):
            flat += value
        else:
            flat.append(value)
    return flat


def _find_places(parameters: Sequence[Any], stand_ins: list[Any]) -> tuple[tuple[int, int], ...]:
    known = {}
    for index, stand_in in enumerate(_flatten(stand_ins)):
        if stand_in is not None:
            known[stand_in] = known[getattr(stand_in, "hex", stand_in)] = index
    return tuple((position, known[value]) for position, value in enumerate(parameters) if _is_in(value, known))


def _is_in(value: Any, known: dict[Any, int]) -> bool:
    return isinstance(value, UUID | str) and value in known
