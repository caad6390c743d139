"""What loading the web process costs: no TensorFlow, little memory, a quick start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_RESIDENT_BYTES = 150_000_000
MAX_START_SECONDS = 3.0

MEASURE = """
import json, sys, time
import webapp.asgi
import webapp.urls
from django.test import Client
health = Client().get("/healthz/live").status_code
resident = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "of_ml": sorted(name for name in sys.modules if name.startswith("ml.")),
    "resident_bytes": int(resident.split()[1]) * 1024,
    "cpu_seconds": time.process_time(),
    "health": health,
}))
"""


class Measured(TypedDict):
    modules: list[str]
    of_ml: list[str]
    resident_bytes: int
    cpu_seconds: float
    health: int


@lru_cache(maxsize=1)
def load_web_process() -> Measured:
    """Import what the server imports, and all addresses, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "classifier.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


@pytest.mark.parametrize("library", ["tensorflow", "keras", "numpy", "h5py"])
def test_the_web_process_does_not_load(library: str) -> None:
    assert library not in load_web_process()["modules"]


def test_of_ml_the_web_process_knows_only_what_a_training_may_be_told() -> None:
    plain = {"ml.backbones", "ml.errors", "ml.preprocessing", "ml.training_settings"}
    assert set(load_web_process()["of_ml"]) <= plain


def test_the_web_process_answers() -> None:
    measured = load_web_process()
    assert measured["health"] == 200
    assert {"ninja", "channels", "webapp"} <= set(measured["modules"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which this system lacks")
def test_the_web_process_stays_small() -> None:
    assert load_web_process()["resident_bytes"] <= MAX_RESIDENT_BYTES


def test_the_web_process_starts_quickly() -> None:
    # Processor time: what the clock would say on a machine that is alone, whatever else runs on this one.
    assert load_web_process()["cpu_seconds"] <= MAX_START_SECONDS


def test_the_modules_of_the_queue_load_no_tensorflow() -> None:
    code = (
        "import django; django.setup()\n"
        "import tasks.drain, tasks.housekeeping, tasks.loaded_models, tasks.prediction, sys\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "classifier.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False, timeout=120)
    assert done.returncode == 0
