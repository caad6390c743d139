"""The settings as a whole: what the environment decides, and what it may not leave open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json
from classifier import settings
names = json.loads({names!r})
print(json.dumps({{name: getattr(settings, name) for name in names}}, default=str))
"""
PRODUCTION = {"PRODUCTION": "1", "SECRET_KEY": "s" * 50, "ALLOWED_HOSTS": "whatsit.example"}


def load(var: Path, names: list[str], **values: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a fresh process with exactly these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**kept, "WHATSIT_VAR": str(var), **values}
    code = SHOW.format(names=json.dumps(names))
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def read(var: Path, *names: str, **values: str) -> dict[str, Any]:
    done = load(var, list(names), **values)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_embedded_default_is_open_to_visitors_and_keeps_its_state_in_one_folder(tmp_path: Path) -> None:
    found = read(tmp_path, "ANONYMOUS_UPLOADS", "STORAGE_URL", "DATABASES", "MODEL_CACHE_DIR", "DEBUG", "SECRET_KEY")
    assert found["ANONYMOUS_UPLOADS"] is True
    assert found["DEBUG"] is False
    assert found["STORAGE_URL"] == f"file://{tmp_path}/media"
    assert found["DATABASES"]["default"]["NAME"] == f"{tmp_path}/db.sqlite3"
    assert found["MODEL_CACHE_DIR"] == f"{tmp_path}/models"
    assert found["SECRET_KEY"] == (tmp_path / "secret-key").read_text()


def test_production_is_strict(tmp_path: Path) -> None:
    names = ("ANONYMOUS_UPLOADS", "ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT")
    found = read(tmp_path, *names, "SECURE_HSTS_SECONDS", **PRODUCTION)
    assert found == {
        "ANONYMOUS_UPLOADS": False,
        "ALLOWED_HOSTS": ["whatsit.example"],
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
    }


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_production_does_not_start_without(missing: str, tmp_path: Path) -> None:
    done = load(tmp_path, ["DEBUG"], **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr.splitlines()[-1]
    assert not (tmp_path / "secret-key").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UPLOAD_MAX_MB", "many"),
        ("UPLOAD_MAX_MB", "0"),
        ("HTTP_THREADS", "1000"),
        ("PREDICTION_LEASE_SECONDS", "long"),
        ("DATABASE_URL", "mysql://db/whatsit"),
        ("REDIS_URL", "http://redis"),
        ("STORAGE_URL", "ftp://host/folder"),
    ],
)
def test_a_nonsense_value_stops_the_start_with_its_name(name: str, value: str, tmp_path: Path) -> None:
    done = load(tmp_path, ["DEBUG"], **{name: value})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_queue_live_messages_cache_and_counters_have_redis_databases_of_their_own(tmp_path: Path) -> None:
    names = ("CELERY_BROKER_URL", "LIVE_REDIS_URL", "CACHE_REDIS_URL", "LIMIT_REDIS_URL")
    found = read(tmp_path, *names, REDIS_URL="redis://:pw@host:7000/4")
    assert list(found.values()) == [f"redis://:pw@host:7000/{number}" for number in (4, 5, 6, 7)]


def test_the_address_of_the_embedded_redis_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "redis-url").write_text("redis://:pw@127.0.0.1:4321\n")
    assert read(tmp_path, "CELERY_BROKER_URL")["CELERY_BROKER_URL"] == "redis://:pw@127.0.0.1:4321/0"


def test_a_proxys_word_is_believed_only_where_one_is_named(tmp_path: Path) -> None:
    assert read(tmp_path, "SECURE_PROXY_SSL_HEADER")["SECURE_PROXY_SSL_HEADER"] is None
    trusted = read(tmp_path, "SECURE_PROXY_SSL_HEADER", TRUSTED_PROXIES="10.0.0.1")
    assert trusted["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_postgresql_is_reached_through_a_pool_with_health_checks(tmp_path: Path) -> None:
    found = read(tmp_path, "DATABASES", DATABASE_URL="postgres://me:p%40ss@db:5433/whatsit?sslmode=require")
    database = found["DATABASES"]["default"]
    assert (database["USER"], database["PASSWORD"], database["HOST"], database["PORT"]) == ("me", "p@ss", "db", "5433")
    assert database["CONN_HEALTH_CHECKS"] is True
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["pool"]["max_size"] == 40


def test_the_pool_of_connections_grows_with_the_request_threads(tmp_path: Path) -> None:
    found = read(tmp_path, "DATABASES", DATABASE_URL="postgres://me@db/whatsit", HTTP_THREADS="4")
    assert found["DATABASES"]["default"]["OPTIONS"]["pool"]["max_size"] == 12


def test_asvs_v13_4_2_the_deployment_check_finds_nothing_in_production(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    secret = "".join(chr(33 + number) for number in range(60))
    strict = {**kept, **PRODUCTION, "SECRET_KEY": secret, "WHATSIT_VAR": str(tmp_path)}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=strict, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "0 silenced" in done.stdout


def test_asvs_v3_3_1_cookies_and_headers_of_production(tmp_path: Path) -> None:
    """Cookies over https alone, for this site alone; https for a year, for everything below the name."""
    names = ("SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
    more = ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_CONTENT_TYPE_NOSNIFF", "SECURE_REFERRER_POLICY", "DEBUG")
    assert list(read(tmp_path, *names, *more, **PRODUCTION).values()) == [
        *(True, "Lax", True, 31_536_000),
        *(True, True, "same-origin", False),
    ]


def test_asvs_v13_3_1_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secrets = {
        "SECRET_KEY": "k" * 50,
        "DATABASE_URL": "postgres://me:hunter2@db/whatsit",
        "REDIS_URL": "redis://:hunter2@redis:6379",
        "GATEWAY_NATS_URL": "nats://me:hunter2@nats:4222",
    }
    files = {f"{name}_FILE": str(tmp_path / name) for name in secrets}
    for name, value in secrets.items():
        (tmp_path / name).write_text(f"{value}\n")
    strict = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}
    found = read(tmp_path, "SECRET_KEY", "DATABASES", "REDIS_URL", "GATEWAY_NATS_URL", **strict, **files)
    assert found["DATABASES"]["default"]["PASSWORD"] == "hunter2"
    assert [found[name] for name in secrets if name in found] == [secrets[name] for name in secrets if name in found]
