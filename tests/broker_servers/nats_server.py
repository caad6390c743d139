"""Debian's nats-server on loopback, with JetStream in a folder; killed and started again at will."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.free_ports import free_port
from tests.stack import await_that

BINARY = shutil.which("nats-server") or shutil.which("/usr/sbin/nats-server")
MISSING = "needs nats-server (Debian: apt-get install nats-server)"


class NatsServer:
    """One server. Use as a context manager."""

    def __init__(self, folder: Path, *, jetstream: bool = True) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._jetstream = jetstream
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NatsServer:
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start and wait until it takes connections."""
        assert BINARY, MISSING
        stored = ["-js", "-sd", str(self.folder)] if self._jetstream else []
        log = self.folder / "nats.log"
        before = log.read_text().count("Server is ready") if log.exists() else 0
        command = [BINARY, "-a", "127.0.0.1", "-p", str(self.port), "-l", str(log), *stored]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_that(
            lambda: log.exists() and log.read_text().count("Server is ready") > before, 60, "nats-server is ready"
        )

    def kill(self) -> None:
        """As when its machine is switched off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
