"""`make bench-learning`: P4, P4b, P5, P5b and P10, written to docs/benchmarks-learning.md.

Every figure is taken in a process of its own, ours and the peer's in turns; needs ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from tests.benchmarks.machine import describe_machine
from tests.benchmarks.report import read_remarks, table
from tests.stack import ROOT

DATA = ROOT.parent / "shared" / "data"
FASHION = DATA / "fashion-mnist"
REPORT = ROOT / "docs" / "benchmarks-learning.md"
FIGURES = ("P10", "P4", "P4b", "P5")
JPEGS = 50_000
HEAD = """# Benchmarks of learning

Written by `make bench-learning` on {date}; {cores} cores, {processor}, {memory}, Python {python}; load before: {load}.

"""
PEAK = (
    "import resource, subprocess, sys\n"
    "code = subprocess.run(sys.argv[1:]).returncode\n"
    "print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr)\n"
    "sys.exit(code)\n"
)


class Bench:
    """Runs commands of the product with a state of their own, and keeps the lines of the report."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "WHATSIT_VAR": str(home / "var"),
            "DJANGO_SETTINGS_MODULE": "classifier.settings",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "BACKBONE_WEIGHTS_DIR": str(DATA / "backbones"),
        }
        self.rows: list[list[object]] = []

    def run(self, *command: str) -> tuple[str, float, int]:
        """`(standard output, seconds, peak resident megabytes)` of a Python command."""
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", PEAK, sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
        return done.stdout, seconds, int(re.findall(r"PEAK (\d+)", done.stderr)[-1])

    def manage(self, *command: str) -> tuple[str, float, int]:
        return self.run("manage.py", *command)

    def add(self, figure: str, measured: str, goal: str) -> None:
        sys.stdout.write(f"{figure}: {measured} (goal {goal})\n")
        self.rows.append([figure, measured, goal])


def measure_import(bench: Bench) -> None:
    """P10: the IDX files as they come, and a folder of small JPEGs; seconds are those of the whole command."""
    _, seconds, peak = bench.manage("import_images", "fashion-mnist", str(FASHION), "--classifier", "fashion")
    bench.add("P10: 70,000 pictures from IDX", f"{70_000 / seconds:,.0f} images/s, peak {peak} MB", "≥ 5,000/s, flat")
    small = make_jpegs(bench.home / "jpegs-few", JPEGS // 5)
    large = make_jpegs(bench.home / "jpegs", JPEGS)
    _, _, few_peak = bench.manage("import_images", "jpegs-few", str(small), "--classifier", "jpegs-few")
    _, seconds, peak = bench.manage("import_images", "jpegs", str(large), "--classifier", "jpegs")
    measured = f"{JPEGS / seconds:,.0f} images/s, peak {peak} MB (a fifth of them: {few_peak} MB)"
    bench.add(f"P10: a folder of {JPEGS:,} small JPEGs", measured, "≥ 1,000/s, flat")


def make_jpegs(folder: Path, count: int) -> Path:
    """Different pictures of 48 pixels in ten folders."""
    for number in range(count):
        place = folder / f"label {number % 10}" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        ground = (number % 251, number // 251 % 251, number % 241)
        picture = Image.new("RGB", (48, 48), ground)
        picture.paste((255 - ground[0], ground[2], ground[1]), (number % 30, number // 30 % 30, 40, 44))
        picture.save(place, quality=85)
    return folder


def measure_quick(bench: Bench, rounds: int) -> None:
    """P4: ours and the tutorial's network in turns."""
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(rounds):
        ours.append(json.loads(bench.run("-m", "tests.benchmarks.quick_fashion", str(FASHION))[0].splitlines()[-1]))
        theirs.append(json.loads(bench.run("-m", "tests.benchmarks.keras_tutorial", str(FASHION))[0].splitlines()[-1]))
    seconds, accuracy = ([statistics.median(run[key] for run in runs) for runs in (ours, theirs)] for key in ours[0])
    measured = (
        f"{seconds[0] / seconds[1]:.2f}: {seconds[0]:.0f} s with {accuracy[0]:.2%}, "
        f"the tutorial {seconds[1]:.0f} s with {accuracy[1]:.2%} (medians of {rounds})"
    )
    bench.add("P4: ours to ≥ 91.57 % ÷ twelve epochs of the tutorial's network", measured, "≤ 0.4 (0.25)")


def measure_default(bench: Bench) -> None:
    """P4b: the default recipe by the command, then its accuracy by the other command."""
    bench.manage("import_images", "fashion-mnist", str(FASHION), "--classifier", "fashion")
    _, seconds, peak = bench.manage("train", "fashion", "--promote", "force")
    said = json.loads(bench.manage("evaluate", "fashion", "--json")[0])
    measured = (
        f"{said['accuracy']:.2%} ({said['low']:.2%} to {said['high']:.2%}) in {seconds / 60:.1f} min, peak {peak} MB"
    )
    bench.add("P4b: Fashion-MNIST, default recipe", measured, "≥ 93.5 % (94.0) in ≤ 15 min")


def measure_transfer(bench: Bench) -> None:
    """P5 and P5b, by their own module."""
    for line in bench.run("-m", "tests.benchmarks.ml_transfer")[0].splitlines():
        if line.startswith("P5"):
            figure, _, measured = line.partition(": ")
            bench.add(figure, measured, "97.5 %" if figure.startswith("P5b") else "≤ 0.15; ≤ 0.25 with the mirror")


def main() -> None:
    """Measure the chosen figures and write the report."""
    parser = argparse.ArgumentParser(prog="make bench-learning", description=__doc__)
    parser.add_argument("--only", choices=FIGURES, nargs="+", default=FIGURES)
    parser.add_argument("--rounds", type=int, default=3, help="of P4; medians are reported")
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    if not FASHION.exists():
        sys.exit(f"This needs the pictures of {DATA}.")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="whatsit-learning-") as name:
        bench = Bench(Path(name))
        bench.manage("migrate", "-v0")
        if "P10" in options.only:
            measure_import(bench)
        if "P4" in options.only:
            measure_quick(bench, options.rounds)
        if "P4b" in options.only:
            measure_default(bench)
        if "P5" in options.only:
            measure_transfer(bench)
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = HEAD.format(date=date, load=f"{load:.1f}", **describe_machine())
    text += table(["figure", "measured", "goal"], bench.rows)
    options.report.write_text(text + read_remarks(options.report), encoding="utf-8")


if __name__ == "__main__":
    main()
