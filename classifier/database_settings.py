"""DATABASE_URL → Django's DATABASES entry, with the options each engine needs here."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-512;"
)


# A lock nobody gives back or a query that runs away must not hold a thread for ever; the longest statement we know,
# an index over a million rows in a migration, takes seconds. Milliseconds, kept by the server.
SERVER_TIMEOUTS = {
    "statement_timeout": 60_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 60_000,
}
# A server that fell off the network: unanswered data ends the connection after 10 s, silence after 30 s (libpq names).
NETWORK_TIMEOUTS = {
    "connect_timeout": "4",
    "tcp_user_timeout": "10000",
    "keepalives": "1",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
# Besides those of the request threads: the result waiter, sockets, the threads of a worker.
_CONNECTIONS_BESIDE_THREADS = 8


def database_configuration(url: str, *, base_dir: Path, threads: int = 32) -> dict[str, Any]:
    """sqlite:///relative or sqlite:////absolute path, or postgres://user:password@host:port/name?option=value.

    `threads` is how many of a process' threads may want a connection at the same moment.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(parts.path, base_dir)
    if parts.scheme in {"postgres", "postgresql"}:
        return _postgresql(url, threads)
    raise ImproperlyConfigured(
        f"DATABASE_URL must begin with sqlite:/// or postgres://; its scheme is {parts.scheme or 'missing'!r}."
    )


def _sqlite(path: str, base_dir: Path) -> dict[str, Any]:
    name = unquote(path).removeprefix("/")
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no SQLite file: write sqlite:///var/db.sqlite3.")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(base_dir / name),
        # IMMEDIATE: a transaction that reads first and writes later would otherwise fail at once when another writes.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS},
        "CONN_MAX_AGE": None,
    }


def _postgresql(url: str, threads: int) -> dict[str, Any]:
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database: write postgres://user:password@host/name.")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    is_ours = "statement_timeout" not in str(options.get("options", ""))
    host = options.pop("host", None) or parts.hostname or ""
    options = {**NETWORK_TIMEOUTS, **options, "options": _server_options(str(options.get("options", "")))}
    from classifier.mute_database import BoundedConnection, CheckedConnection  # psycopg, which SQLite does not need

    # A last check may begin as the time runs out: together they stay below the 5 s in which people are told.
    pool = {
        "min_size": 1,
        "max_size": threads + _CONNECTIONS_BESIDE_THREADS,
        "timeout": 3.0,
        "connection_class": BoundedConnection if is_ours else CheckedConnection,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(host),
        "PORT": str(parts.port or ""),
        "OPTIONS": {**options, "pool": pool},
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }


def _server_options(given: str) -> str:
    """libpq's `options`: our timeouts first, so that what the URL itself says comes last and wins."""
    ours = " ".join(f"-c {name}={milliseconds}" for name, milliseconds in SERVER_TIMEOUTS.items())
    return f"{ours} {given}".strip()
