"""The section “Soak (T41)” of docs/reliability.md: how long, what was met, and how the figures went."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.soak_measures import SLOPE_LIMIT, Verdict

TITLE = "## Soak (T41)"


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What a run has shown."""

    minutes: float
    seed: int
    database: str
    outcomes: Mapping[int, int]
    faults: Mapping[str, int]
    swaps: int
    pushes: int
    deaths: int
    quiet_after_seconds: float
    verdict: Verdict

    def as_section(self) -> str:
        """Markdown."""
        answers = ", ".join(f"{count} times {status or 'none'}" for status, count in sorted(self.outcomes.items()))
        faults = ", ".join(f"{name} ({count})" for name, count in sorted(self.faults.items())) or "none"
        grown = ", ".join(self.verdict.grown)
        rows = [
            f"| {each.name} | {each.first:.0f} | {each.last:.0f} | {each.per_hour:+.1f} |"
            for each in self.verdict.courses
        ]
        counted = max((each.hours * 60 for each in self.verdict.courses), default=0.0)
        return "\n".join(
            [
                TITLE,
                "",
                f"`make soak SOAK_MINUTES={self.minutes:g}`, {datetime.now(UTC):%Y-%m-%d}, "
                f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, {self.database}, "
                f"seed {self.seed}. Answers: {answers}. Faults: {faults}. {self.swaps} changes of the live version, "
                f"{self.pushes} messages to sockets that came and went, {self.deaths} parts that died unasked. "
                f"All work was done {self.quiet_after_seconds:.0f} s after the last upload.",
                "",
                f"The last {counted:.0f} minutes count, what lay before was warming up. Memory may grow by "
                f"{SLOPE_LIMIT:g} MB an hour, and in less than an hour by as much; all else may not grow. "
                + (f"**Grown: {grown}.**" if grown else "Nothing grew."),
                "",
                "| Figure | First third | Last third | An hour |",
                "|---|---|---|---|",
                *rows,
            ]
        )


def put_section(path: Path, section: str) -> None:
    """Write it in the place of the earlier one, or at the end of the file."""
    title = section.split("\n", 1)[0]
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before, found, rest = text.partition(f"{title}\n")
    following = rest.partition("\n## ")[2] if found else ""
    parts = [before.rstrip("\n"), section, f"## {following}".rstrip("\n") if following else ""]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
