"""What the machine is, how busy it was, and what single processes used of it; read from /proc."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_COLUMNS = (3, 4)


def describe_machine() -> dict[str, str]:
    """Cores, processor, memory, system and Python."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory_kb = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cores": str(os.cpu_count()),
        "processor": models[0] if models else platform.processor(),
        "memory": f"{memory_kb / 1024**2:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 when it is gone."""
    fields = _stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def resident_megabytes(pid: int) -> float:
    """RSS in MB."""
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def has_mapped(pid: int, name: str) -> bool:
    """Whether the process has mapped a file whose path contains `name` (a loaded library)."""
    return any(name in line for line in _lines(f"/proc/{pid}/maps"))


def find_descendants(pid: int) -> list[int]:
    """All living processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def command_line(pid: int) -> str:
    """The words the process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class BusyMark:
    """The machine's busy time at one moment; `since` tells how many cores were busy from then on."""

    seconds: float
    at: float

    @classmethod
    def now(cls) -> BusyMark:
        columns = [int(value) for value in _lines("/proc/stat")[0].split()[1:9]]
        busy = sum(value for column, value in enumerate(columns) if column not in _IDLE_COLUMNS)
        return cls(busy / _TICKS, time.monotonic())

    def since(self) -> float:
        """Busy cores on average since this mark."""
        later = BusyMark.now()
        return (later.seconds - self.seconds) / max(later.at - self.at, 1e-6)


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may hold blanks."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
