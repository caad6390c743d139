"""What the rounds of the failpoints share: a stack to break, parts that meet a failpoint once, how they end."""

from __future__ import annotations

import itertools
import re
import signal
import sys
from pathlib import Path

import httpx

from tests.row_makers import png_bytes
from tests.stack import ROOT, Stack, await_that

ACTIONS = {"killed": "exit", "exception": "raise", "paused": "sleep:6"}
"""A pause is longer than every lease below."""
TIMES = {
    "STUB_BATCH": "16",
    "DELETION_POLL_SECONDS": "0.5",
    "DELETION_RETRY_SECONDS": "0.5",
    "DELETION_LEASE_SECONDS": "2",
    "PROMOTION_LEASE_SECONDS": "2",
    "ORPHAN_OBJECT_SECONDS": "0.2",
    "GATEWAY_LEASE_SECONDS": "2",
}
_CALL = re.compile(r'failpoint\("([a-z-]+)"\)')


def points_in_sources() -> list[str]:
    """The name of every failpoint of the product."""
    files = (path for room in ("classifier", "tasks", "webapp", "ml") for path in sorted((ROOT / room).rglob("*.py")))
    return sorted({name for path in files for name in _CALL.findall(path.read_text(encoding="utf-8"))})


class FailpointSite:
    """A stack with a dataset of the pictures of seeds 0 to 39, and a file where failpoints say that they were met."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self._told = folder / "told"
        self.folder = folder
        self.of_dataset = iter(range(40))
        self.seeds = itertools.count(1000)

    def arm(self, point: str, action: str) -> dict[str, str]:
        """The environment of the part that shall meet the failpoint once."""
        self._told.unlink(missing_ok=True)
        return {"FAILPOINTS": f"{point}={action}@1", "FAILPOINTS_TOLD": str(self._told)}

    def await_told(self, *words: str) -> None:
        await_that(lambda: self._has_told(" ".join(words)), 90, f"{' '.join(words)} is told")

    def _has_told(self, line: str) -> bool:
        return self._told.exists() and line in self._told.read_text().splitlines()

    def end_doomed(self, point: str, action: str) -> None:
        """Dead by itself, or awake again (unless its watchdog was faster) and stopped in order."""
        doomed = self.stack.processes["doomed"]
        if action == "exit":
            assert doomed.wait(60) == -signal.SIGKILL
        if action.startswith("sleep"):
            await_that(
                lambda: doomed.poll() is not None or self._has_told(f"{point} over"), 60, "the paused part goes on"
            )
        self.stack.kill("doomed", signal.SIGTERM)

    def start_default(self, name: str = "default", **extra: str) -> None:
        """A worker of the default queue: deletions, housekeeping."""
        options = ["-Q", "default", "-P", "threads", "-c", "2", "-n", f"{name}@x", "-l", "WARNING"]
        quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options, *quiet]
        self.stack.start(name, command, **extra)

    def upload_answered(self, client: httpx.Client, seed: int) -> str:
        """The id of a picture that has its answer."""
        files = {"file": (f"{seed}.png", png_bytes(seed))}
        answer = client.post("/api/v1/images", files=files, params={"wait": 10})
        assert answer.status_code == 201
        return str(answer.json()["images"][0]["id"])
