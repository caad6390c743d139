"""docs/reliability.md: what the fault tests measured. Written by `make test-faults`, which names the file."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.history import History

VARIABLE = "FAULT_REPORT"
_NAME = re.compile(r"test_((?:t\d+_)+)(\w+)")
_ROW = re.compile(r"\| (T\d+(?:, T\d+)*) \| (.+?) \|.*\|")
_COLUMNS = ("Fault", "What was tried", "Rounds", "Accepted", "Lost", "Duplicated", "Stuck", "Recovery", "Held", "Run")
_INTRODUCTION = """# Reliability: what was broken on purpose, and what came of it

`make test-faults` writes this table. Each row is one test in `tests/faults`: real processes, the fault, then the
history checker, which holds every answer that a client got against rows and stored objects.

- **Accepted**: uploads answered with 201. **Lost**: of those, without a row or without their exact bytes.
  **Duplicated**: images with more than one prediction. **Stuck**: predictions that had not ended when the row was
  checked.
- **Recovery**: the longest time in seconds, measured after the fault had ended, until work went on or all was done
  (as the test says). Lease, poll and retry times are a tenth of the real ones, except where a row says “real times”.
- **Held**: did everything that the test asks for hold? “-” in a column: this test does not count that.
- A row that is not here was not run with the report on.
"""


@dataclass
class Finding:
    """One test, all of its rounds together."""

    fault: str
    tried: str
    rounds: int = 0
    held: bool = True
    histories: list[History] = field(default_factory=list)

    def as_row(self, run: str) -> str:
        """One line of the table."""
        checked = [history.found for history in self.histories if history.found is not None]
        accepted = sum(len(history.accepted) for history in self.histories)
        seconds = [s for history in self.histories for s in history.recoveries]
        counts = [str(sum(each)) for each in zip(*checked, strict=True)] if checked else ["-", "-", "-"]
        rounds = max(self.rounds, sum(history.rounds for history in self.histories))
        recovery = f"{max(seconds):.1f} s" if seconds else "-"
        held = "yes" if self.held else "**no**"
        cells = [self.fault, self.tried, str(rounds), str(accepted or "-"), *counts, recovery, held]
        cells.append(f"{run}, {self._database()}")
        return f"| {' | '.join(cells)} |"

    def _database(self) -> str:
        addresses = {history.stack.environment["DATABASE_URL"] for history in self.histories}
        of_run = addresses or {os.environ.get("DATABASE_URL", "")}
        return "PostgreSQL" if any(address.startswith("postgres") for address in of_run) else "SQLite"


class FaultReport:
    """Collects while the tests run; rows of tests that did not run this time stay as they were."""

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}

    def note(self, test: str, histories: Sequence[History], *, held: bool) -> None:
        """What came of one test."""
        named = _NAME.match(test)
        if named is None:
            return
        fault = named[1].strip("_").replace("_", ", ").upper()
        finding = self._findings.setdefault(named[0], Finding(fault, _as_sentence(named[2])))
        finding.rounds += 1
        finding.held = finding.held and held
        finding.histories += histories

    def write(self, path: Path) -> None:
        """The file, with this run's rows in the place of earlier ones; what people wrote below the table stays."""
        if not self._findings:
            return
        kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        by_hand = kept[next((at for at, line in enumerate(kept) if line.startswith("## ")), len(kept)) :]
        rows = {(row[1], row[2]): row[0] for row in map(_ROW.fullmatch, kept) if row}
        run = f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
        for finding in self._findings.values():
            rows[finding.fault, finding.tried] = finding.as_row(run)
        head = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
        table = [rows[key] for key in sorted(rows, key=lambda key: (int(key[0][1:].split(",")[0]), key))]
        path.write_text(
            "\n".join([_INTRODUCTION, *head, *table, "", *by_hand, ""]).rstrip("\n") + "\n", encoding="utf-8"
        )


def _as_sentence(name: str) -> str:
    words = name.replace("_", " ").replace("redis", "Redis").replace("postgresql", "PostgreSQL")
    return words[:1].upper() + words[1:]


def wished_path() -> Path | None:
    """Where the report goes, when one is asked for."""
    name = os.environ.get(VARIABLE)
    return Path(name) if name else None
