"""The images start the same programs with the same options as `manage.py up`, and those options exist."""

from __future__ import annotations

import http.client
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from celery.bin.beat import beat
from celery.bin.celery import celery
from celery.bin.worker import worker
from uvicorn.main import main as uvicorn_main

from webapp.embedded.parts import web_part, worker_part

ROOT = Path(__file__).resolve().parent.parent.parent


def recorded(script: str, *words: str, folder: Path) -> list[list[str]]:
    """Run a start script with a `python` that only writes down how it was called."""
    fake = folder / "python"
    fake.write_text(
        f'#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done >> {folder}/calls\necho >> {folder}/calls\n'
    )
    fake.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "WHATSIT_VAR": "/state"}
    subprocess.run([ROOT / "docker" / script, *words], cwd=ROOT, env=environment, check=True)
    calls = (folder / "calls").read_text().split("\n\n")
    return [call.split("\n") for call in calls if call]


def option_names(command: object) -> set[str]:
    return {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("queue", ["gpu", "train"])
def test_workers_start_as_in_the_embedded_stack(queue: str, tmp_path: Path) -> None:
    (call,) = recorded("start-worker", queue, folder=tmp_path)
    assert call == list(worker_part(queue, tmp_path).command[1:])


def test_the_default_worker_leaves_the_clock_to_beat(tmp_path: Path) -> None:
    (call,) = recorded("start-worker", "default", folder=tmp_path)
    embedded = list(worker_part("default", tmp_path).command[1:])
    assert call == embedded[: embedded.index("-B")]


def test_the_web_process_starts_as_in_the_embedded_stack(tmp_path: Path) -> None:
    collect, serve = recorded("start-web", folder=tmp_path)
    assert collect[:2] == ["manage.py", "collectstatic"]
    embedded = list(web_part(7).command[1:])
    at = embedded.index("--fd")
    assert serve == [*embedded[:at], "--host", "0.0.0.0", "--port", "8000", *embedded[at + 2 :]]


def test_another_queue_is_refused(tmp_path: Path) -> None:
    finished = subprocess.run(
        [ROOT / "docker" / "start-worker", "mail"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False
    )
    assert finished.returncode == 2


def test_every_worker_option_exists_in_celery(tmp_path: Path) -> None:
    command = worker_part("default", tmp_path).command
    known = option_names(worker) | option_names(celery)
    assert {word for word in command[3:] if word.startswith("-")} <= known


def test_every_beat_option_exists_in_celery(tmp_path: Path) -> None:
    (call,) = recorded("start-beat", folder=tmp_path)
    assert call[:5] == ["-m", "celery", "-A", "tasks", "beat"]
    assert {word.split("=")[0] for word in call[5:] if word.startswith("-")} <= option_names(beat)
    assert "/state/beat-schedule" in call


def test_the_gateway_starts_for_the_broker_it_is_told(tmp_path: Path) -> None:
    assert recorded("start-gateway", "kafka", folder=tmp_path) == [["manage.py", "gateway", "kafka"]]


def test_every_web_option_exists_in_uvicorn() -> None:
    used = {word for word in web_part(7).command[3:] if word.startswith("--")}
    assert used <= option_names(uvicorn_main)


def test_preparing_makes_the_bucket_first(tmp_path: Path) -> None:
    assert recorded("prepare", folder=tmp_path) == [
        ["docker/make_bucket.py"],
        ["manage.py", "prepare_site", "--login-link"],
    ]


class _Answer(BaseHTTPRequestHandler):
    status = 200
    seen: list[tuple[str, str, str]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"]))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Answer]]:
    """A web process of the container: port 8000 is led to a free one."""
    answer = type("Answer", (_Answer,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    real = http.client.HTTPConnection
    monkeypatch.setattr(http.client, "HTTPConnection", lambda host, port, timeout: real(host, server.server_port))
    monkeypatch.setenv("ALLOWED_HOSTS", "whatsit.example.org,other.example.org")
    yield answer
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (301, 1), (400, 1)])
def test_the_health_check_asks_as_the_proxy_would(
    site: type[_Answer], monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    site.status = status
    monkeypatch.setattr(sys, "argv", ["check_health.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "docker" / "check_health.py"))
    assert int(ended.value.code or 0) == code
    assert site.seen == [("/healthz/ready", "whatsit.example.org", "https")]


def test_the_health_check_asks_what_it_is_told(site: type[_Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["check_health.py", "/healthz/live"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "docker" / "check_health.py"))
    assert [path for path, *_ in site.seen] == ["/healthz/live"]
