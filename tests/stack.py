"""The real parts as separate processes for flow and fault tests: Redis, web, gpu worker; state in a private folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg

from tests.free_ports import free_port
from tests.migrated_database import put_migrated_database

ROOT = Path(__file__).resolve().parent.parent
_TEMPLATE = f"migrated_{os.getpid()}"
STUB_MANIFEST = {"format_version": 1, "labels": ["cat", "dog", "bird"], "files": {}}


def await_that(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until the condition holds; returns the seconds it took. Fails with `what` after the limit."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - started


def promised(seconds: float) -> float:
    """The limit of a figure: as promised where the report is written (make test-faults), which runs alone; three times
    as long beside other tests."""
    return seconds if os.environ.get("FAULT_REPORT") else 3 * seconds


class Stack:
    """Starts, kills and restarts parts. Use as a context manager."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None, real_model: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.redis_port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.real_model = real_model
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WHATSIT_VAR": str(folder),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}",
            "PREDICTION_LEASE_SECONDS": "3",
            "PREDICTION_BATCH_SECONDS": "2",
            "PREDICTION_POLL_SECONDS": "0.5",
            "PREDICTION_RETRY_SECONDS": "0.5",
            "HEARTBEAT_SECONDS": "0.5",
            "LOG_LEVEL": "WARNING",
            **({} if real_model else {"PREDICTOR": "tests.stub_predictor.StubPredictor"}),
            **(environment or {}),
        }
        self.environment.pop("STORAGE_URL", None)
        self._server = self.environment.get("DATABASE_URL", "")
        self.environment["DATABASE_URL"] = self._make_database() or f"sqlite:///{folder / 'db.sqlite3'}"

    def migrate(self) -> None:
        """A migrated database is made once and copied; these tests ask for no page's files."""
        if not self._server.startswith("postgres"):
            put_migrated_database(self.folder)
        elif not self._is_copy:
            self.manage("migrate", "-v0")
            self._on_server(f"CREATE DATABASE {_TEMPLATE} TEMPLATE {self._database}")

    def _make_database(self) -> str:
        """On a PostgreSQL server each stack gets a database of its own."""
        if not self._server.startswith("postgres"):
            return ""
        self._database = f"stack_{self.port}"
        with psycopg.connect(self._server) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone()
        self._is_copy = known is not None
        self._on_server(f"CREATE DATABASE {self._database}" + (f" TEMPLATE {_TEMPLATE}" if self._is_copy else ""))
        return urlsplit(self._server)._replace(path=f"/{self._database}").geturl()

    def _on_server(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())

    def __enter__(self) -> Stack:
        try:
            self.start_redis()
            self.migrate()
            self.query(INSTALL_STARTER if self.real_model else INSTALL_STUB)
            self.start_web()
            self.start_worker()
            self.await_web()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        for name in list(self.processes):
            self.kill(name)
        if self._server.startswith("postgres"):
            self._on_server(f"DROP DATABASE {self._database} WITH (FORCE)")

    def manage(self, *arguments: str) -> str:
        """Run a management command; returns what it printed."""
        return self._run([sys.executable, "manage.py", *arguments])

    def query(self, code: str) -> Any:
        """Run code that sets `result` in a process that stays for the next question; returns it."""
        asked = self.processes.get("questions")
        if asked is None or asked.poll() is not None:
            asked = self._start_questions()
        assert asked.stdin
        assert asked.stdout
        asked.stdin.write(json.dumps(code).encode() + b"\n")
        asked.stdin.flush()
        answer = json.loads(asked.stdout.readline())
        assert "problem" not in answer, answer["problem"]
        return answer["result"]

    def _start_questions(self) -> subprocess.Popen[bytes]:
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "classifier.settings"}
        with (self.folder / "questions.out").open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", ANSWER_QUESTIONS],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.processes["questions"] = process
        return process

    def _run(self, command: list[str]) -> str:
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "classifier.settings"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{command[1:3]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def start(self, name: str, command: list[str], **extra: str) -> None:
        """Start a part; its output goes to a file of its name."""
        with (self.folder / f"{name}.out").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **extra},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start_redis(self) -> None:
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        assert binary, "these tests need redis-server (Debian: apt-get install redis-server)"
        options = [
            "--port",
            str(self.redis_port),
            "--save",
            "",
            "--bind",
            "127.0.0.1",
            "--maxmemory-policy",
            "noeviction",
        ]
        self.start("redis", [binary, *options])
        await_that(self._redis_answers, 60, "Redis answers")

    def _redis_answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.redis_port)) == 0

    def start_web(self, name: str = "web", **extra: str) -> None:
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "webapp.asgi:application",
            *options,
            "--timeout-graceful-shutdown",
            "10",
        ]
        protocol = ["--loop", "uvloop", "--http", "webapp.http_protocol:HttpProtocol"]
        self.start(name, [*command, *protocol, "--backlog", "2048", "--ws-per-message-deflate", "false"], **extra)

    def start_worker(self, name: str = "worker", **extra: str) -> None:
        options = ["-Q", "gpu", "--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "WARNING"]
        self.start(
            name, [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options, "-n", f"{name}@test"], **extra
        )

    def await_web(self) -> None:
        await_that(lambda: self._get_status("/healthz/ready") == 200, 120, "the web process is ready")

    def await_worker(self) -> None:
        await_that(lambda: self._get_status("/healthz/progress") == 200, 120, "a gpu worker was heard of")

    def _get_status(self, path: str) -> int:
        try:
            return httpx.get(self.address + path, timeout=5).status_code
        except httpx.HTTPError:
            return 0

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> int:
        """Signal a part's whole process group and wait for its end; returns the exit code."""
        process = self.processes.pop(name)
        try:
            os.killpg(process.pid, signal_number)
            if signal_number == signal.SIGKILL:
                os.killpg(process.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
        return process.wait(timeout=60)

    def signal(self, name: str, signal_number: int) -> None:
        """Signal a part without waiting."""
        os.killpg(self.processes[name].pid, signal_number)

    def client(self, **options: Any) -> httpx.Client:
        """A client with a cookie jar of its own: one visitor."""
        return httpx.Client(base_url=self.address, timeout=60, **options)


ANSWER_QUESTIONS = """
import json, sys, traceback
import django
django.setup()
from django.db import close_old_connections
for line in sys.stdin:
    scope = {}
    close_old_connections()
    try:
        exec(json.loads(line), scope)
        answer = {"result": scope.get("result")}
    except Exception:
        answer = {"problem": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
"""
INSTALL_STARTER = "from tasks.starter import install_starter_model; install_starter_model()"
INSTALL_STUB = """
from tests.stub_predictor import install_stub_version
install_stub_version(0)
"""
