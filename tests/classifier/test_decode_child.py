"""The child process itself: what it knows, what it may use, and that it never outlives its parent."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.decode_pool import DecodePool
from classifier.image_facts import PictureLimits
from classifier.image_headers import read_header
from tests.classifier.decode_children import find_decode_children, read_command
from tests.classifier.picture_files import RGB, flat_png, save, smooth_rgb

LIMITS = PictureLimits()
ROOT = Path(__file__).resolve().parents[2]
SMALL = read_header(save(smooth_rgb(120, 100), "JPEG"), LIMITS)
LARGE = read_header(flat_png(7_000, 5_000, 8, RGB), LIMITS)


def await_condition(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the awaited condition did not come"
        time.sleep(0.01)


def test_a_child_is_told_no_secrets_and_holds_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@host/db")
    before = set(find_decode_children())
    pool = DecodePool(1, 777_000_000)
    try:
        pool.normalise(SMALL, LIMITS)
        (child,) = set(find_decode_children()) - before
        assert b"secret" not in Path(f"/proc/{child}/environ").read_bytes()
        limits = Path(f"/proc/{child}/limits").read_text()
    finally:
        pool.close()
    assert "777000000" in limits.partition("Max address space")[2].splitlines()[0]
    assert limits.partition("Max file size")[2].split()[0] == "0"


def test_the_child_loads_neither_django_nor_numpy() -> None:
    check = "import sys, classifier.decode_child; print({'django', 'numpy', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
def test_children_end_when_their_parent_is_killed(is_busy: bool) -> None:
    program = (
        "import sys, threading\n"
        "from tests.classifier.test_decode_child import LARGE, LIMITS, SMALL, DecodePool\n"
        "pool = DecodePool(1, LIMITS.decode_memory_bytes)\n"
        "pool.normalise(SMALL, LIMITS)\n"
        f"threading.Thread(target=pool.normalise, args=(LARGE if {is_busy} else SMALL, LIMITS)).start()\n"
        "print('up', flush=True)\n"
        "threading.Event().wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        (child,) = find_decode_children(str(parent.pid))
    finally:
        parent.kill()
        parent.communicate()
    await_condition(lambda: b"decode_child" not in read_command(child), seconds=60)


def test_children_end_when_their_parent_ends_in_peace() -> None:
    program = (
        "import os\n"
        "from tests.classifier.test_decode_child import LIMITS, SMALL, DecodePool\n"
        "from tests.classifier.decode_children import find_decode_children\n"
        "pool = DecodePool(1, LIMITS.decode_memory_bytes)\n"
        "pool.normalise(SMALL, LIMITS)\n"
        "print(*find_decode_children())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=240
    )
    child = int(done.stdout)
    await_condition(lambda: b"decode_child" not in read_command(child), seconds=60)
    assert done.stderr == ""
