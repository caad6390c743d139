"""DATABASE_URL as a whole: nothing that PostgreSQL or the network does may hold a thread without end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from classifier.database_settings import database_configuration
from classifier.mute_database import BoundedConnection, CheckedConnection


def options_of(query: str) -> dict[str, Any]:
    url = f"postgres://me@db/whatsit?{query}"
    found: dict[str, Any] = database_configuration(url, base_dir=Path())["OPTIONS"]
    return found


def test_a_server_out_of_reach_ends_the_connection() -> None:
    options = options_of("")
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == ("4", "10000")
    idle, interval, count = (int(options[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 30


def test_the_addresss_own_options_win() -> None:
    options = options_of("tcp_user_timeout=3000&options=-c%20statement_timeout%3D5000")
    assert options["tcp_user_timeout"] == "3000"
    assert options["options"].index("statement_timeout=60000") < options["options"].index("statement_timeout=5000")


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test-postgres")
@pytest.mark.parametrize(
    ("name", "shown"),
    [("statement_timeout", "1min"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "1min")],
)
def test_the_server_itself_keeps_the_limits(name: str, shown: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        assert cursor.fetchone() == (shown,)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test-postgres")
def test_of_two_settings_in_the_options_the_later_one_holds() -> None:
    given = {"host": connection.settings_dict["HOST"], "port": connection.settings_dict["PORT"], "user": "whatsit"}
    options = options_of("options=-c%20statement_timeout%3D5000")["options"]
    with psycopg.connect(**given, dbname="postgres", options=options) as direct:
        assert direct.execute("SHOW statement_timeout").fetchone() == ("5s",)


def test_who_sets_a_statement_timeout_waits_as_long_as_it_says() -> None:
    usual, own = options_of("")["pool"], options_of("options=-c%20statement_timeout%3D0")["pool"]
    assert usual["connection_class"] is BoundedConnection
    assert own["connection_class"] is CheckedConnection
