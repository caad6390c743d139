"""T26 through the front door: ten thousand malformed pictures, each answered with a 201 or a code of the catalogue."""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from classifier.errors import REFUSALS
from tests.classifier.picture_files import read
from tests.faults.history import History
from tests.faults.load_client import percentile
from tests.faults.malformed_pictures import EACH, make_malformed, make_seeds
from tests.faults.process_watch import resident_megabytes
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long]

SEED = 26
FILES = 60 * EACH
CLIENTS = 4
STORED_SIDE = 2048
P99_SECONDS, SLOWEST_SECONDS, GROWN_MEGABYTES = 2.0, 5.0, 100.0


@dataclass
class Answers:
    """What became of the files; `unsound` holds every answer that is none of the allowed ones."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    unsound: list[tuple[str, Any]] = field(default_factory=list)

    def note(self, data: bytes, response: httpx.Response, seconds: float) -> None:
        self.seconds.append(seconds)
        body = response.json()
        if response.status_code == 201:
            self.outcomes["accepted"] += 1
            return
        code = body["error"]["code"]
        self.outcomes[code] += 1
        if response.status_code != REFUSALS[code][0] or response.status_code >= 500:
            self.unsound.append((hashlib.sha256(data).hexdigest(), body))


def is_sound(stored: bytes, image: dict[str, Any]) -> bool:
    """Is it a picture of the size that was said, or of 2048 pixels where that was more?"""
    picture, said = read(stored), (image["width"], image["height"])
    is_as_said = picture.size == said if max(said) <= STORED_SIDE else max(picture.size) == STORED_SIDE
    return is_as_said and picture.mode in {"L", "RGB"}


def send_all(stack: Stack, history: History, files: Iterator[bytes]) -> Answers:
    """With a few clients at a time. What was accepted is fetched again: it must be a picture of the size said."""
    answers = Answers()

    def send(part: list[bytes]) -> None:
        with stack.client() as client:
            for data in part:
                started = time.monotonic()
                response = client.post("/api/v1/images", files={"file": ("a.png", data)})
                answers.note(data, response, time.monotonic() - started)
                if response.status_code == 201:
                    image = response.json()["images"][0]
                    history.accepted[image["id"]] = image["sha256"]  # of the first file with these pixels
                    if not is_sound(client.get(f"/api/v1/images/{image['id']}/file").content, image):
                        answers.unsound.append((image["id"], image))

    everything = list(files)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(send, (everything[n::CLIENTS] for n in range(CLIENTS))))
    return answers


@pytest.mark.timeout(900)
@pytest.mark.parametrize("stack", [{"MALLOC_ARENA_MAX": "2"}], indirect=True)  # as `manage.py up` starts it
def test_t26_ten_thousand_malformed_pictures_get_a_clear_answer_in_time(stack: Stack, history: History) -> None:
    send_all(stack, history, iter(make_seeds()))
    web = stack.processes["web"]
    before = resident_megabytes(web.pid)
    answers = send_all(stack, history, make_malformed(random.Random(SEED)))
    grown = resident_megabytes(web.pid) - before
    history.rounds = FILES
    p99, slowest = percentile(answers.seconds, 0.99), max(answers.seconds)
    sys.stdout.write(
        f"\nseed {SEED}: {dict(answers.outcomes)}, p99 {p99:.3f} s, slowest {slowest:.2f} s, grown {grown:.0f} MB\n"
    )
    assert web.poll() is None
    assert answers.unsound == []
    assert answers.outcomes.total() == FILES
    assert answers.outcomes["accepted"] >= 100
    assert (p99 <= P99_SECONDS, slowest <= SLOWEST_SECONDS, grown <= GROWN_MEGABYTES) == (True, True, True)
    history.await_quiet(60)
    history.check()
