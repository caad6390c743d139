"""Connections to PostgreSQL end when the server says nothing for too long."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection

from classifier.mute_database import BoundedConnection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test-postgres"),
]


@pytest.fixture
def own() -> Any:
    """A connection of the kind the pool makes, past the pool."""
    settings = connection.settings_dict
    with BoundedConnection.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    ) as opened:
        yield opened


def test_the_pool_makes_such_connections() -> None:
    connection.ensure_connection()
    assert isinstance(connection.connection, BoundedConnection)


def test_an_answer_that_does_not_come_closes_the_connection(own: Any) -> None:
    own._answer_limit = 0.2
    with pytest.raises(psycopg.OperationalError):
        own.cursor().execute("SELECT pg_sleep(5)")
    assert own.closed


def test_the_check_of_the_pool_has_a_limit_of_its_own(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.mute_database.CHECK_SECONDS", 0.2)
    own.cursor().execute("SELECT pg_sleep(0.3)")
    with pytest.raises(psycopg.OperationalError):
        own.execute("SELECT pg_sleep(5)")
    assert own.closed


def test_an_error_of_a_statement_keeps_the_connection(own: Any) -> None:
    with pytest.raises(psycopg.DataError):
        own.cursor().execute("SELECT 1/0")
    assert own.cursor().execute("SELECT 1").fetchone() == (1,)
