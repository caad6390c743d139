"""The decode children: bounded in time and memory, shared by all threads, replaced when lost."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from classifier import decode_pool
from classifier.decode_pool import DecodePool, DecoderBusyError
from classifier.errors import Refused
from classifier.image_facts import PictureHeader, PictureLimits
from classifier.image_headers import read_header
from classifier.image_normalising import normalise
from tests.classifier.decode_children import find_decode_children
from tests.classifier.picture_files import RGB, RGBA, flat_png, save, smooth_rgb, speckled

LIMITS = PictureLimits()


def header_of(data: bytes) -> PictureHeader:
    return read_header(data, LIMITS)


SMALL = header_of(save(smooth_rgb(120, 100), "JPEG"))
LARGE = header_of(flat_png(7_000, 5_000, 8, RGB))


@pytest.fixture
def make_pool() -> Iterator[Callable[..., DecodePool]]:
    pools: list[DecodePool] = []

    def make(children: int = 1, memory_bytes: int = LIMITS.decode_memory_bytes) -> DecodePool:
        pools.append(DecodePool(children, memory_bytes))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def own_children() -> Callable[[], list[int]]:
    """The decode children started since the test began."""
    before = set(find_decode_children())
    return lambda: [child for child in find_decode_children() if child not in before]


def await_condition(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the awaited condition did not come"
        time.sleep(0.01)


def replace_child(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let a shell script stand in for the interpreter that runs the child."""
    program = folder / "child"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_child_gives_what_this_process_would(make_pool: Callable[..., DecodePool]) -> None:
    pool = make_pool()
    for header in (SMALL, header_of(save(speckled("RGBA", 50, 40), "PNG")), header_of(save(smooth_rgb(30, 9), "WEBP"))):
        assert pool.normalise(header, LIMITS) == normalise(header, LIMITS)


def test_no_child_is_started_before_it_is_needed(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]]
) -> None:
    pool = make_pool(2)
    assert own_children() == []
    pool.normalise(SMALL, LIMITS)
    assert len(own_children()) == 1


def test_one_child_serves_picture_after_picture(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]]
) -> None:
    pool = make_pool()
    pool.normalise(SMALL, LIMITS)
    children = own_children()
    for _ in range(5):
        pool.normalise(SMALL, LIMITS)
    assert own_children() == children


def test_a_child_outlives_the_thread_that_asked_for_it_first(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]]
) -> None:
    pool = make_pool()
    asking = threading.Thread(target=pool.normalise, args=(SMALL, LIMITS))
    asking.start()
    asking.join()
    children = own_children()
    pool.normalise(SMALL, LIMITS)
    assert own_children() == children


def test_many_threads_share_few_children(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]]
) -> None:
    pool = make_pool(2)
    expected = normalise(SMALL, LIMITS)
    with ThreadPoolExecutor(8) as threads:
        pictures = list(threads.map(lambda _: pool.normalise(SMALL, LIMITS), range(40)))
    assert pictures == [expected] * 40
    assert 1 <= len(own_children()) <= 2


def test_a_picture_that_takes_too_long_is_too_complex_and_the_next_one_passes(
    make_pool: Callable[..., DecodePool],
) -> None:
    pool = make_pool()
    pool.normalise(SMALL, LIMITS)
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        pool.normalise(LARGE, replace(LIMITS, decode_seconds=0.05))
    assert caught.value.code == "too_complex"
    assert time.monotonic() - started <= 30
    assert pool.normalise(SMALL, LIMITS) == normalise(SMALL, LIMITS)


def test_a_child_that_hangs_is_killed(
    make_pool: Callable[..., DecodePool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_child(monkeypatch, tmp_path, "echo ready; exec sleep 100")
    with pytest.raises(Refused) as caught:
        make_pool().normalise(LARGE, replace(LIMITS, decode_seconds=0.2))
    assert caught.value.code == "too_complex"


def test_a_picture_over_the_memory_allowed_is_too_complex_and_the_next_one_passes(
    make_pool: Callable[..., DecodePool],
) -> None:
    pool = make_pool(memory_bytes=200_000_000)
    with pytest.raises(Refused) as caught:
        pool.normalise(header_of(flat_png(8_000, 5_000, 8, RGBA)), LIMITS)
    assert caught.value.code == "too_complex"
    assert pool.normalise(SMALL, LIMITS) == normalise(SMALL, LIMITS)


def test_a_damaged_picture_is_refused_and_the_child_goes_on(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]]
) -> None:
    pool = make_pool()
    pool.normalise(SMALL, LIMITS)
    children = own_children()
    with pytest.raises(Refused) as caught:
        pool.normalise(replace(SMALL, pixel_data=SMALL.pixel_data[:200]), LIMITS)
    assert caught.value.code == "truncated_or_damaged"
    assert own_children() == children


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo ready; head -c 20 >/dev/null; kill -SEGV $$", id="crash"),
        pytest.param("echo ready; exit 0", id="end"),
        pytest.param("echo ready; head -c 20 >/dev/null; echo nonsense nonsense nonsense", id="nonsense"),
        pytest.param(
            r"""echo ready; head -c 20 >/dev/null; printf '\000\000\000\002\000\000\000\000{}'""", id="empty answer"
        ),
    ],
)
def test_a_picture_that_ends_every_child_is_damaged(
    make_pool: Callable[..., DecodePool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    replace_child(monkeypatch, tmp_path, script)
    with pytest.raises(Refused) as caught:
        make_pool().normalise(SMALL, LIMITS)
    assert caught.value.code == "truncated_or_damaged"


def test_a_child_that_died_idle_costs_no_picture(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]]
) -> None:
    pool = make_pool()
    pool.normalise(SMALL, LIMITS)
    (child,) = own_children()
    os.kill(child, signal.SIGKILL)
    assert pool.normalise(SMALL, LIMITS) == normalise(SMALL, LIMITS)
    assert own_children() != [child]


def test_a_child_that_cannot_start_is_our_own_fault(
    make_pool: Callable[..., DecodePool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_child(monkeypatch, tmp_path, "exit 1")
    with pytest.raises(DecoderBusyError) as caught:
        make_pool().normalise(SMALL, LIMITS)
    assert (caught.value.code, caught.value.status) == ("try_later", 503)


def test_waiting_too_long_for_a_child_is_our_own_fault(
    make_pool: Callable[..., DecodePool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_child(monkeypatch, tmp_path, f"touch {tmp_path}/started; echo ready; exec sleep 100")
    monkeypatch.setattr(decode_pool, "_QUEUE_SECONDS", 0.05)
    pool = make_pool()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.normalise, SMALL, replace(LIMITS, decode_seconds=2))
        await_condition((tmp_path / "started").exists)
        with pytest.raises(DecoderBusyError):
            pool.normalise(SMALL, LIMITS)
        assert isinstance(first.exception(), Refused)


def test_a_child_is_renewed_after_many_pictures(
    make_pool: Callable[..., DecodePool], own_children: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_pool, "_PICTURES_PER_CHILD", 2)
    pool = make_pool()
    pool.normalise(SMALL, LIMITS)
    children = own_children()
    pool.normalise(SMALL, LIMITS)
    pool.normalise(SMALL, LIMITS)
    assert own_children() != children
