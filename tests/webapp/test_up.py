"""`manage.py up` with its real parts: starts, says what a person needs, mends what breaks, leaves nobody behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from tests.embedded_stack import ROOT, EmbeddedStack, await_value, command_line
from tests.free_ports import free_port
from tests.migrated_database import put_migrated_database

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes through /proc"),
]
WEB, GPU, REDIS = "uvicorn webapp.asgi", "worker -Q gpu", "redis-server 127.0.0.1"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """One running stack for the tests that leave it running, and then for the one that kills it."""
    made = EmbeddedStack(tmp_path_factory.mktemp("up"), free_port())
    try:
        made.await_ready()
        yield made
    finally:
        made.end()


def assert_nobody_is_left(stack: EmbeddedStack, seconds: float = 60.0) -> None:
    await_value(lambda: None if stack.process_ids() else True, seconds, "all processes of the stack gone")


def count(stack: EmbeddedStack, words: str) -> int:
    return sum(words in command_line(number) for number in stack.process_ids())


def test_it_prints_the_addresses_and_how_to_log_in(stack: EmbeddedStack) -> None:
    assert f"Pages:  {stack.address}/" in stack.text
    assert f"Admin:  {stack.address}/admin/" in stack.text
    assert f"{stack.address}/login/once/" in stack.text


def test_the_page_is_there_with_its_files(stack: EmbeddedStack) -> None:
    page = httpx.get(f"{stack.address}/", timeout=60)
    assert page.status_code == 200
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert found
    for path in found:
        assert httpx.get(stack.address + path, timeout=60).status_code == 200, path


def test_the_login_link_logs_the_admin_in_once(stack: EmbeddedStack) -> None:
    link = stack.await_line("/login/once/").strip()
    with httpx.Client(timeout=60) as browser:
        assert browser.head(link).status_code == 405
        followed = browser.get(link)
        assert followed.status_code == 302
        assert followed.headers["location"] == "/admin/"
        assert "no-store" in followed.headers["cache-control"]
        assert browser.get(f"{stack.address}/admin/").status_code == 200
    with httpx.Client(timeout=60) as stranger:
        refused = stranger.get(link)
        assert refused.status_code == 403
        assert "manage.py changepassword admin" in refused.text
        assert stranger.get(f"{stack.address}/admin/").status_code == 302


def test_all_workers_run_under_names_of_their_own(stack: EmbeddedStack) -> None:
    for queue in ("gpu", "train", "default"):
        assert f"-n {queue}@" in command_line(stack.find(f"worker -Q {queue}"))


def test_other_commands_find_its_redis_and_strangers_do_not(stack: EmbeddedStack) -> None:
    path = stack.folder / "redis-url"
    assert path.stat().st_mode & 0o777 == 0o600
    address = path.read_text().strip()
    assert redis.Redis.from_url(address).ping()
    assert not any(address in command_line(number) for number in stack.process_ids())


def test_a_second_start_on_the_same_folder_says_so(stack: EmbeddedStack) -> None:
    second = EmbeddedStack(stack.folder, free_port())
    assert second.process.wait(90) == 1
    second.await_line(f"already running on .*process {stack.process.pid}")


def test_a_second_start_on_the_same_port_says_so(stack: EmbeddedStack, tmp_path: Path) -> None:
    second = EmbeddedStack(tmp_path, stack.port)
    assert second.process.wait(90) == 1
    second.await_line(rf"Port {stack.port} .*already in use.*--port")
    assert not (tmp_path / "redis-url").exists()
    assert second.process_ids() == []


def test_a_killed_web_process_comes_back_and_a_request_meanwhile_is_answered(stack: EmbeddedStack) -> None:
    old = stack.find(WEB)
    os.kill(old, signal.SIGKILL)
    assert httpx.get(f"{stack.address}/healthz/live", timeout=90).status_code == 200
    stack.await_line(r"^web ended \(killed by SIGKILL\); it starts again in [\d.]+ s\.")
    assert stack.find(WEB) != old


def test_a_killed_worker_comes_back(stack: EmbeddedStack) -> None:
    old = stack.find(GPU)
    os.kill(old, signal.SIGKILL)
    stack.await_line(r"^gpu ended \(killed by SIGKILL\)")
    await_value(lambda: True if stack.find(GPU) != old else None, 90, "a new gpu worker")


def test_a_killed_redis_comes_back_under_the_same_address(stack: EmbeddedStack) -> None:
    address = (stack.folder / "redis-url").read_text().strip()
    os.kill(stack.find(REDIS), signal.SIGKILL)
    stack.await_line(r"^redis ended")

    def answers() -> bool | None:
        try:
            return bool(redis.Redis.from_url(address).ping())
        except redis.ConnectionError:
            return None

    await_value(answers, 90, "Redis answers again")


def test_nobody_survives_when_it_is_killed(stack: EmbeddedStack) -> None:
    await_value(
        lambda: True if count(stack, "worker -Q default") == 2 else None, 120, "the default worker and its clock"
    )
    assert count(stack, "worker -Q train") == 1
    stack.process.kill()
    stack.process.wait()
    assert_nobody_is_left(stack)


def test_after_that_it_starts_again_and_an_interrupt_ends_all_in_order_even_where_it_was_ignored_at_start(
    stack: EmbeddedStack,
) -> None:
    again = EmbeddedStack(stack.folder, stack.port, ignore_interrupts=True)
    again.await_ready()
    again.find("worker -Q default")
    started = time.monotonic()
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(90) == 0
    assert time.monotonic() - started < 60
    assert again.process_ids() == []
    again.end()
    assert again.said[-2:] == ["Whatsit stops …", "Whatsit has stopped."]
    assert not (stack.folder / "redis-url").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", again.port)) != 0


def test_without_workers_only_redis_and_the_pages_run(tmp_path: Path) -> None:
    put_migrated_database(tmp_path)
    stack = EmbeddedStack(tmp_path, free_port(), "--no-worker")
    try:
        stack.await_ready()
        commands = [command_line(number) for number in stack.process_ids()]
        assert any(WEB in command for command in commands)
        assert not any("celery" in command for command in commands)
        assert httpx.get(f"{stack.address}/healthz/ready", timeout=60).status_code == 200
    finally:
        assert stack.end() == 0


def test_a_redis_that_does_not_answer_is_named(tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path, free_port(), environment={"REDIS_URL": f"redis://127.0.0.1:{free_port()}"})
    assert stack.process.wait(90) == 1
    stack.await_line("REDIS_URL names does not answer")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    stack = EmbeddedStack(tmp_path / "file", free_port())
    assert stack.process.wait(90) == 1
    stack.await_line("cannot be written to.*WHATSIT_VAR")


@pytest.mark.parametrize("words", [["--port", "0"], ["--port", "nine"], ["--worker"]])
def test_nonsense_on_the_command_line_is_refused(words: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, "manage.py", "up", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "usage: manage.py up" in finished.stderr


def test_help_shows_an_example() -> None:
    finished = subprocess.run(
        [sys.executable, "manage.py", "up", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Example: manage.py up --host" in finished.stdout
