"""A ZIP that is made part by part: every usual reader takes it, whatever its size."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

from webapp.zip_stream import Member, stream_zip

MOMENT = datetime(2026, 11, 21, 12, 30, 44, tzinfo=UTC)


def read(*members: Member) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(stream_zip(members))))


def test_members_come_out_as_they_went_in() -> None:
    with read(("cat/1.png", MOMENT, b"one"), ("Übermut/日本.png", MOMENT, b"two"), ("empty", MOMENT, b"")) as made:
        assert made.testzip() is None
        assert {name: made.read(name) for name in made.namelist()} == {
            "cat/1.png": b"one",
            "Übermut/日本.png": b"two",
            "empty": b"",
        }
        assert made.infolist()[0].date_time == (2026, 11, 21, 12, 30, 44)


def test_nothing_makes_an_empty_zip() -> None:
    with read() as made:
        assert made.namelist() == []


def test_more_members_than_the_old_format_counts() -> None:
    members = ((f"{number}", MOMENT, b"x") for number in range(70_000))
    with zipfile.ZipFile(io.BytesIO(b"".join(stream_zip(members)))) as made:
        assert len(made.namelist()) == 70_000
        assert made.read("69999") == b"x"


def test_memory_stays_flat_however_many_there_are() -> None:
    def members(count: int) -> Iterator[Member]:
        return ((f"folder/{number:032d}.png", MOMENT, b"x" * 100) for number in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in stream_zip(members(count)):
            pass
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken

    assert peak(100_000) < peak(10_000) + 1_500_000


def test_offsets_beyond_four_gigabytes_are_told() -> None:
    block = bytes(50_000_000)
    size, tail = 0, b""
    for made in stream_zip((str(number), MOMENT, block) for number in range(90)):
        size += len(made)
        tail = (tail + made)[-5000:] if len(made) < 100_000 else b""
    assert size > 4_400_000_000
    assert b"PK\x06\x06" in tail
    assert b"PK\x06\x07" in tail
    last = tail[tail.rindex(b"PK\x01\x02") :]
    offset = int.from_bytes(last[46 + 2 + 4 : 46 + 2 + 12], "little")
    assert offset == 89 * (30 + 2 + len(block)) - 10
