"""The other side: `../shared/peers/run.sh` serves each peer in turn and loads it with the same script."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.load import POST_SCRIPT, parse_result

_LINE = re.compile(r"(\w+)\s+connections (\d+)\s+RESULT .*")
INSTALL_AND_RUN_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class PeerResult:
    """One peer under one number of connections."""

    peer: str
    connections: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def run_peers(pictures: Path, seconds: float, connections: list[int]) -> list[PeerResult]:
    """Load every peer; makes its virtual environments the first time (PEERS_VENV says where)."""
    command = ["bash", str(POST_SCRIPT.with_name("run.sh")), str(pictures), f"{seconds:g}", *map(str, connections)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=INSTALL_AND_RUN_SECONDS, env=os.environ
    )
    if done.returncode:
        raise AssertionError(f"the peers did not run: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return [_read(match) for match in _LINE.finditer(done.stdout)]


def _read(match: re.Match[str]) -> PeerResult:
    said = parse_result(match[0])
    return PeerResult(
        peer=match[1],
        connections=int(match[2]),
        requests_per_second=said["requests_per_s"],
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
        errors=int(said["non2xx"] + said["socket_errors"]),
    )
