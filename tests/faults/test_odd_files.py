"""T29 through the front door: odd files are refused and leave nothing, or lose their payload; names stay names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from classifier.errors import REFUSALS
from tests.faults.history import History
from tests.faults.odd_files import ACCEPTED, MARK, NAMES, REFUSED, TYPES
from tests.row_makers import png_bytes
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long]

ROWS = "from classifier.models import Image; result = Image.objects.count()"
STORED_NAME = re.compile(r"images/\d{4}/\d\d/\d\d/[0-9a-f]{32}\.(png|jpg)")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        stack.await_worker()
        yield stack


@pytest.fixture
def stack(running: Stack) -> Stack:
    return running


def stored_files(stack: Stack) -> list[Path]:
    media = stack.folder / "media"
    return [path for path in media.rglob("*") if path.is_file() and path.relative_to(media).parts[0] != "models"]


def files_with_the_mark(stack: Stack) -> list[Path]:
    """Anything that the installation keeps, the database and its logs too."""
    return [path for path in stack.folder.rglob("*") if path.is_file() and MARK in path.read_bytes()]


def accept(client: httpx.Client, history: History, name: str, data: bytes, kind: str = "image/png") -> dict[str, str]:
    """Send, and return what is said about the picture."""
    response = client.post("/api/v1/images", files={"file": (name, data, kind)})
    assert response.status_code == 201, response.text
    image: dict[str, str] = response.json()["images"][0]
    history.accepted[image["id"]] = image["sha256"]
    return image


def accept_raw(client: httpx.Client, history: History, name: str, data: bytes) -> dict[str, str]:
    """The name as it stands, which no ordinary client would send."""
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    response = client.post("/api/v1/images", content=head + data + b"\r\n--edge--\r\n", headers=kind)
    assert response.status_code == 201, (name, response.text)
    image: dict[str, str] = response.json()["images"][0]
    history.accepted[image["id"]] = image["sha256"]
    return image


def test_t29_odd_files_are_refused_and_nothing_of_them_is_kept(stack: Stack, history: History) -> None:
    kept, rows = stored_files(stack), stack.query(ROWS)
    with stack.client() as client:
        for (what, (code, data)), kind in zip(REFUSED.items(), itertools.cycle(TYPES), strict=False):
            response = client.post("/api/v1/images", files={"file": ("shirt.png", data, kind)})
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (REFUSALS[code][0], code), what
            assert error["message"].endswith("."), what
            assert MARK not in response.content, what
            history.rounds += 1
    assert (stored_files(stack), stack.query(ROWS)) == (kept, rows)
    assert files_with_the_mark(stack) == []


def test_t29_what_hides_in_a_picture_is_not_served(stack: Stack, history: History) -> None:
    with stack.client() as client:
        for (what, data), kind in zip(ACCEPTED.items(), itertools.cycle(TYPES), strict=False):
            image = accept(client, history, "shirt.png", data, kind)
            for place in ("file", "thumbnail"):
                served = client.get(f"/api/v1/images/{image['id']}/{place}")
                assert (served.status_code, MARK in served.content) == (200, False), (what, place)
                assert served.headers["Content-Type"] in {"image/png", "image/jpeg"}
                assert served.headers["X-Content-Type-Options"] == "nosniff"
                assert "sandbox" in served.headers["Content-Security-Policy"]
            history.rounds += 1
    assert files_with_the_mark(stack) == []
    history.await_quiet(20)
    history.check()


def test_t29_names_are_shown_and_never_reach_a_path(stack: Stack, history: History) -> None:
    with stack.client() as client:
        for seed, (sent, shown) in enumerate(NAMES.items()):
            image = accept_raw(client, history, sent, png_bytes(seed))
            assert image["name"] == shown, sent
            assert client.get(f"/api/v1/images/{image['id']}").json()["name"] == shown
            history.rounds += 1
    media = stack.folder / "media"
    assert [path for path in stored_files(stack) if not STORED_NAME.fullmatch(str(path.relative_to(media)))] == []
    history.await_quiet(20)
    history.check()
