"""From nothing to the first answer: a copy of the code without state, `make run`, one picture (P7)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

from tests.free_ports import free_port
from tests.stack import ROOT

LIMIT_SECONDS = 900.0


def measure_fresh_machine(folder: Path, picture: Path) -> float:
    """Seconds from typing `make run` in a fresh clone, downloads included, to the first answered picture."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{ROOT}", str(clone)], check=True)
    port = free_port()
    hidden = {"VIRTUAL_ENV", "PYTHONPATH", "WHATSIT_VAR", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    started = time.monotonic()
    with (folder / "fresh.out").open("wb") as output:
        run = subprocess.Popen(
            ["make", "run", f"ARGS=--port {port}"],
            cwd=clone,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        await_first_answer(f"http://127.0.0.1:{port}", picture, started, run)
        return time.monotonic() - started
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGINT)
            run.wait(60)


def await_first_answer(address: str, picture: Path, started: float, run: subprocess.Popen[bytes]) -> None:
    """Send the picture until a prediction comes back."""
    while time.monotonic() - started < LIMIT_SECONDS:
        if run.poll() is not None:
            raise AssertionError(f"`make run` ended with {run.returncode}")
        try:
            files = {"file": (picture.name, picture.read_bytes())}
            said = httpx.post(f"{address}/api/v1/images", params={"wait": 20}, files=files, timeout=40).json()
            if said.get("images") and said["images"][0]["state"] == "done":
                return
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"no answer within {LIMIT_SECONDS:g} s")
