"""Our side: the whole product as `manage.py up` starts it, in a private folder, with what it uses of the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.machine import command_line, cpu_seconds, find_descendants
from tests.free_ports import free_port
from tests.stack import ANSWER_QUESTIONS, ROOT

START_SECONDS = 240.0
PARTS = {"web": "uvicorn", "gpu": "-Q gpu", "redis": "redis"}
INSTALL_MODEL = """
from pathlib import Path
from classifier.artifact_storage import save_artifact_folder
from classifier.classifiers import create_classifier
from classifier.model_registry import promote, register_version
import json
folder = Path({folder!r})
manifest = json.loads((folder / 'manifest.json').read_text())
digest = save_artifact_folder(folder)
classifier = create_classifier(slug='fashion', name='Fashion', labels=manifest['labels'])
version = register_version(classifier=classifier, digest=digest, manifest=manifest, metrics={{}})
promote(version=version, reason='benchmark')
"""


class SiteNotReady(AssertionError):  # noqa: N818 - reads as what it is
    """The product did not come up."""


class Site:
    """One running installation. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str = "",
        model: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.model = model
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in {"STORAGE_URL", "REDIS_URL", "DATABASE_URL"}
            },
            "WHATSIT_VAR": str(folder),
            "DJANGO_SETTINGS_MODULE": "classifier.settings",
            "PYTHONPATH": str(ROOT),
            "LOG_LEVEL": "WARNING",
            **({"DATABASE_URL": database_url} if database_url else {}),
            **(environment or {}),
        }
        self.seconds_to_ready = 0.0
        self._up: subprocess.Popen[bytes] | None = None
        self._questions: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Site:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.model is not None:
            self._manage("migrate", "-v0")
            self.query(INSTALL_MODEL.format(folder=str(self.model)))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()
        if self._questions is not None:
            self._questions.kill()
            self._questions.wait()
            self._questions = None

    def start(self) -> None:
        """Start `manage.py up` and wait until a worker holds the model."""
        started = time.monotonic()
        with (self.folder / "up.out").open("ab") as output:
            self._up = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while not self._is_ready():
            if self._up.poll() is not None or time.monotonic() - started > START_SECONDS:
                raise SiteNotReady((self.folder / "up.out").read_text(encoding="utf-8")[-3000:])
            time.sleep(0.05)
        self.seconds_to_ready = time.monotonic() - started

    def stop(self) -> None:
        """Ctrl-C, and wait for the end."""
        if self._up is not None:
            self._up.send_signal(signal.SIGINT)
            try:
                self._up.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(self._up.pid, signal.SIGKILL)
                self._up.wait()
            self._up = None

    def _is_ready(self) -> bool:
        try:
            return bool(httpx.get(f"{self.address}/healthz/progress", timeout=5).json().get("ready_workers"))
        except (httpx.HTTPError, ValueError):
            return False

    def pid_of(self, part: str) -> int:
        """The process id of `web`, `gpu` or `redis`."""
        assert self._up is not None
        for pid in find_descendants(self._up.pid):
            if PARTS[part] in command_line(pid):
                return pid
        raise SiteNotReady(f"{part} is not running")

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each part so far."""
        return {part: cpu_seconds(self.pid_of(part)) for part in PARTS}

    def query(self, code: str) -> Any:
        """Run code that sets `result` in a process that stays for the next question; returns it."""
        if self._questions is None:
            with (self.folder / "questions.out").open("ab") as errors:
                self._questions = subprocess.Popen(
                    [sys.executable, "-c", ANSWER_QUESTIONS],
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
        assert self._questions.stdin
        assert self._questions.stdout
        self._questions.stdin.write(json.dumps(code).encode() + b"\n")
        self._questions.stdin.flush()
        answer = json.loads(self._questions.stdout.readline())
        assert "problem" not in answer, answer["problem"]
        return answer.get("result")

    def new_visitor(self) -> str:
        """The cookie of a visitor nobody has seen yet."""
        refused = httpx.post(f"{self.address}/api/v1/images", files={"file": ("none.png", b"none")}, timeout=30)
        return "; ".join(f"{name}={value}" for name, value in refused.cookies.items())

    def _manage(self, *words: str) -> None:
        subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, check=True, timeout=300)
