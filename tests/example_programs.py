"""Runs the programs of docs/examples as a reader would: each a process of its own, against one real stack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.row_makers import png_bytes
from tests.stack import ROOT, Stack
from tests.stub_predictor import LABELS, grey_sum

EXAMPLES = ROOT / "docs" / "examples"
CLIENT = ROOT / "clients" / "python"


def example_environment(stack: Stack, **more: str) -> dict[str, str]:
    """What an example is told: where the site is, and where the Python client lies."""
    return {**os.environ, "WHATSIT_URL": stack.address, "PYTHONPATH": str(CLIENT), **more}


def run_example(stack: Stack, name: str, *arguments: str | Path, seconds: float = 60.0, **more: str) -> str:
    """What the example printed. It must end with 0."""
    program = [sys.executable] if name.endswith(".py") else ["sh"]
    done = subprocess.run(
        [*program, str(EXAMPLES / name), *map(str, arguments)],
        env=example_environment(stack, **more),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{name}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
    return done.stdout


def write_example_picture(folder: Path, seed: int) -> tuple[Path, str]:
    """A picture, and the label that the stub model gives it."""
    data = png_bytes(seed)
    path = folder / f"{seed}.png"
    path.write_bytes(data)
    return path, LABELS[grey_sum(data) % len(LABELS)]
