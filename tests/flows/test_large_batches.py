"""A batch of 20,000 real files through real processes: every answer, and a command that does not grow."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.batch_makers import write_pictures
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.processes, pytest.mark.long]

FILES = 20_000
MOST_GROWTH_KB = 30_000


@pytest.mark.timeout(1800)
def test_twenty_thousand_files_are_answered_in_flat_memory(stack: Stack, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", FILES, first_seed=100_000)
    output = tmp_path / "out.csv"
    started = time.monotonic()
    running = subprocess.Popen(
        [sys.executable, "manage.py", "classify", "pets", str(folder), "--csv", str(output)],
        cwd=ROOT,
        env={**stack.environment, "DJANGO_SETTINGS_MODULE": "classifier.settings"},
    )
    sizes: list[tuple[int, int]] = []
    while running.poll() is None:
        time.sleep(1)
        sizes.append((count_lines(output), resident_kb(running.pid)))
    seconds = time.monotonic() - started
    assert running.returncode == 0
    assert count_lines(output) == FILES + 1
    early = max(size for lines, size in sizes if lines < FILES / 5)
    late = max(size for _, size in sizes)
    print(f"{FILES / seconds:.0f} images/s; {early / 1000:.0f} MB at a fifth, {late / 1000:.0f} MB at most")
    assert late - early < MOST_GROWTH_KB


def count_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def resident_kb(process_id: int) -> int:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
