"""T28 through the front door: small files that ask for much are refused in time, and no process swells."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest
from PIL import Image

from classifier.errors import REFUSALS
from tests.classifier.decode_children import find_decode_children, read_peak_memory_bytes
from tests.classifier.picture_files import GREY_ALPHA, RGB, RGBA, flat_png, jpeg_with_size, save
from tests.classifier.test_image_gate_bombs import REFUSED, build_bomb
from tests.faults.history import History
from tests.faults.process_watch import resident_megabytes
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long]

ANSWER_SECONDS, CHILD_MEGABYTES, GROWN_MEGABYTES = 2.0, 512.0, 20.0
FULL, WIDE = (8_000, 5_000), {"grey with alpha": GREY_ALPHA, "colour": RGB, "colour with alpha": RGBA}


@dataclass
class Children:
    """The most memory that any decoder of the web process ever held, whoever has ended meanwhile."""

    peaks: dict[int, float] = field(default_factory=dict)


@contextmanager
def watching_children(web: int) -> Iterator[Children]:
    seen, ended = Children(), threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            for child in find_decode_children(str(web)):
                with suppress(OSError, AssertionError):
                    seen.peaks[child] = read_peak_memory_bytes(child) / 1e6

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def jpeg_of_258_bytes() -> bytes:
    """As small as Pillow writes one, told to be huge, filled up behind its end."""
    small = save(Image.new("L", (1, 1)), "JPEG", optimize=True, quality=1)
    return jpeg_with_size(small, 65_000, 65_000).ljust(258, b"\x00")[:258]


def gif_of_10_000_frames() -> bytes:
    frame = b"\x2c" + bytes(4) + b"\x01\x00\x01\x00\x00" + b"\x02\x02\x44\x01\x00"
    return b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + bytes(6) + frame * 10_000 + b"\x3b"


def make_bombs() -> dict[str, tuple[str, bytes]]:
    """By name: the code it must be refused with, and its bytes."""
    bombs = {name: (code, build_bomb(name)) for name, (code, _) in REFUSED.items()}
    bombs["jpeg of 258 bytes and huge sides"] = ("too_many_pixels", jpeg_of_258_bytes())
    bombs["gif of 10,000 frames"] = ("type_not_allowed", gif_of_10_000_frames())
    return bombs


def send(client: httpx.Client, data: bytes) -> tuple[int, str, float]:
    started = time.monotonic()
    response = client.post("/api/v1/images", files={"file": ("bomb.png", data)})
    code = "" if response.status_code == 201 else response.json()["error"]["code"]
    return response.status_code, code, time.monotonic() - started


# As the image and `manage.py up` start the web process.
@pytest.mark.parametrize("stack", [{"MALLOC_ARENA_MAX": "2"}], indirect=True)
def test_t28_bombs_are_refused_in_time_and_swell_no_process(stack: Stack, history: History) -> None:
    web, bombs = stack.processes["web"], make_bombs()
    with stack.client() as client, watching_children(web.pid) as children:
        for data in (save(Image.new("RGB", (2_000, 1_500), "red"), "PNG"), os.urandom(9_000_000)):
            send(client, data)  # a large picture and a large body have been here before
        before = resident_megabytes(web.pid)
        answers = {name: send(client, data) for name, (_, data) in bombs.items()}
        grown = resident_megabytes(web.pid) - before
        slowest = max(seconds for _, _, seconds in answers.values())
        opened = {name: send(client, flat_png(*FULL, 8, colour))[0] for name, colour in WIDE.items()}
    history.rounds = len(bombs)
    peak = max(children.peaks.values())
    sys.stdout.write(
        f"\nslowest {slowest:.2f} s, grown {grown:.0f} MB, decoders' peak {peak:.0f} MB, opened {opened}\n"
    )
    assert web.poll() is None
    for name, (code, _) in bombs.items():
        assert answers[name][:2] == (REFUSALS[code][0], code), name
    assert (slowest <= ANSWER_SECONDS, grown <= GROWN_MEGABYTES, peak <= CHILD_MEGABYTES) == (True, True, True)
    assert set(opened.values()) <= {201, REFUSALS["too_complex"][0]}
