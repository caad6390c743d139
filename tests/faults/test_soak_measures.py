"""How a soak judges what it measured, and where it writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.soak_measures import Sample, judge
from tests.faults.soak_report import put_section


def samples_of(hours: float, **per_hour: float) -> list[tuple[float, Sample]]:
    """A sample a minute of figures that begin at 100 and grow steadily."""
    times = [minute * 60.0 for minute in range(int(hours * 60) + 1)]
    return [(at, {name: 100 + rise * at / 3600 for name, rise in per_hour.items()}) for at in times]


@pytest.mark.parametrize(
    ("hours", "rise", "grown"), [(8, 4.9, []), (8, 5.1, ["MB"]), (0.5, 14, []), (0.5, 16, ["MB"])], ids=str
)
def test_memory_may_grow_by_five_megabytes_an_hour(hours: float, rise: float, grown: list[str]) -> None:
    assert judge(samples_of(hours, MB=rise)).grown == grown


def test_open_files_may_not_grow_and_the_first_hour_does_not_count() -> None:
    leaking = samples_of(8, files=3)
    settling = [(at, {"files": min(at, 3600.0)}) for at, _ in leaking]
    assert judge(leaking).grown == ["files"]
    assert judge(settling).grown == []


def test_a_section_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("# Report\n\n| T1 |\n\n## Soak (T41)\n\nold\n\n## Beside\n\nwords\n")
    put_section(path, "## Soak (T41)\n\nnew")
    assert path.read_text() == "# Report\n\n| T1 |\n\n## Soak (T41)\n\nnew\n\n## Beside\n\nwords\n"
    put_section(path, "## Other\n\nmore")
    assert path.read_text().endswith("words\n\n## Other\n\nmore\n")
