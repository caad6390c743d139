"""The local folder: whole or not at all, durable, private, and nothing outside it."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from classifier import storage_backends
from classifier.errors import StorageUnavailable
from classifier.object_storage import (
    ObjectMissing,
    delete_object,
    list_objects,
    object_exists,
    purge_leftovers,
    read_object,
    write_verified,
)
from classifier.storage_backends import DurableLocalStorage

KEY = "images/2026/11/21/0193a1.png"
FOLDER = "images/2026/11/21"


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    entry = {
        "BACKEND": "classifier.storage_backends.DurableLocalStorage",
        "OPTIONS": {"location": str(tmp_path / "media")},
    }
    settings.STORAGES = {**settings.STORAGES, "default": entry}
    return tmp_path / "media"


def everything_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


class RecordedCalls:
    """Lets the real system call happen and notes its name and file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        real_fsync, real_replace = os.fsync, os.replace

        def fsync(descriptor: int) -> None:
            self.calls.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
            real_fsync(descriptor)

        def replace(source: Path, target: Path) -> None:
            self.calls.append(("replace", Path(target).name))
            real_replace(source, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "replace", replace)


def test_it_fsyncs_the_bytes_then_renames_then_fsyncs_the_folder(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_verified(f"{FOLDER}/first", b"x")
    recorded = RecordedCalls(monkeypatch)
    write_verified(KEY, b"x")
    (first, side), *rest = recorded.calls
    assert first == "fsync"
    assert side.startswith(storage_backends.SIDE_FILE_PREFIX)
    assert rest == [("replace", "0193a1.png"), ("fsync", "21")]


def test_every_new_folder_is_fsynced_into_its_parent(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = RecordedCalls(monkeypatch)
    write_verified(KEY, b"x")
    synced = [name for call, name in recorded.calls if call == "fsync"]
    assert synced[:5] == [media.parent.name, "media", "images", "2026", "11"]


def test_a_file_is_private_and_so_are_its_folders_whatever_the_umask(media: Path) -> None:
    old = os.umask(0o000)
    try:
        write_verified(KEY, b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((media / KEY).stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (media, media / "images", media / FOLDER)} == {0o700}


def test_other_modes_can_be_configured_and_survive_a_strict_umask(tmp_path: Path) -> None:
    store = DurableLocalStorage(tmp_path / "shared", file_permissions_mode=0o640, directory_permissions_mode=0o750)
    old = os.umask(0o077)
    try:
        store.write_object(KEY, b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "shared" / KEY).stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "shared" / FOLDER).stat().st_mode) == 0o750


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("write", errno.ENOSPC),
        ("write", errno.EDQUOT),
        ("fsync", errno.EIO),
        ("replace", errno.EROFS),
        ("open", errno.EMFILE),
    ],
)
def test_trouble_with_the_disk_is_storage_unavailable_and_leaves_no_file(
    media: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    write_verified(f"{FOLDER}/neighbour", b"x")

    def fail(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageUnavailable):
            write_verified(KEY, b"data")
    assert everything_in(media) == [f"{FOLDER}/neighbour"]
    write_verified(KEY, b"data")
    assert read_object(KEY) == b"data"


def test_a_failed_overwrite_keeps_the_old_object_whole(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_verified(KEY, b"old")
    real_write, calls = os.write, []

    def fail_halfway(descriptor: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail_halfway)
        with pytest.raises(StorageUnavailable):
            write_verified(KEY, b"new and longer")
    assert len(calls) == 2
    assert read_object(KEY) == b"old"
    assert everything_in(media) == [KEY]


def test_short_writes_are_continued(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:3]))
    write_verified(KEY, b"0123456789")
    assert read_object(KEY) == b"0123456789"


def test_a_file_that_the_disk_kept_shorter_is_not_accepted(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_fsync = os.fsync

    def lose_a_byte(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - 1)
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", lose_a_byte)
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, b"0123456789")
    assert everything_in(media) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Any:
    mount_point = tmp_path / "tiny"
    mount_point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount_point)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield mount_point
    subprocess.run(["umount", str(mount_point)], check=True)


@pytest.mark.faults
def test_a_full_disk_refuses_leaves_nothing_partial_and_accepts_again_after_space(
    settings: Any, tiny_disk: Path
) -> None:
    entry = {"BACKEND": "classifier.storage_backends.DurableLocalStorage", "OPTIONS": {"location": str(tiny_disk)}}
    settings.STORAGES = {**settings.STORAGES, "default": entry}
    picture = os.urandom(30_000)
    stored: list[str] = []

    def fill() -> None:
        for number in range(20):
            write_verified(f"{FOLDER}/{number}", picture)
            stored.append(f"{FOLDER}/{number}")

    with pytest.raises(StorageUnavailable):
        fill()
    assert 3 < len(stored) < 10
    assert sorted(found.key for found in list_objects("")) == stored
    assert everything_in(tiny_disk) == stored
    assert all(read_object(key) == picture for key in stored)
    delete_object(stored[0])
    write_verified(stored[0], picture)


WRITER = """
import os, sys, time
import django
from django.conf import settings
settings.configure(USE_TZ=True)
from classifier.storage_backends import DurableLocalStorage
real = os.write
def slow(descriptor, data):
    written = real(descriptor, data[:1000])
    os.write = real
    print("half", flush=True)
    os.write = lambda *_: time.sleep(60)
    return written
os.write = slow
DurableLocalStorage(sys.argv[1]).write_object(sys.argv[2], b"x" * 2000)
"""


@pytest.mark.faults
def test_a_writer_killed_midway_leaves_nothing_visible_and_its_rest_is_purged(media: Path) -> None:
    root = Path(storage_backends.__file__).parent.parent
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(media), KEY], stdout=subprocess.PIPE, cwd=root)
    assert writer.stdout
    assert writer.stdout.readline() == b"half\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    (leftover,) = everything_in(media)
    assert Path(leftover).name.startswith(storage_backends.SIDE_FILE_PREFIX)
    assert not object_exists(KEY)
    assert list(list_objects("")) == []
    assert DurableLocalStorage(media).listdir(FOLDER) == ([], [])
    assert purge_leftovers() == 0, "it might still be in the making"
    an_hour_ago = time.time() - 3601
    os.utime(media / leftover, (an_hour_ago, an_hour_ago))
    assert purge_leftovers() == 1
    assert everything_in(media) == []


def test_a_reader_never_sees_half_an_object(media: Path) -> None:
    pictures = [bytes([number]) * 300_000 for number in range(4)]
    write_verified(KEY, pictures[0])
    done = threading.Event()

    def overwrite() -> None:
        for number in range(120):
            write_verified(KEY, pictures[number % 4])
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(overwrite)
        while not done.is_set() and not writing.done():
            assert read_object(KEY) in pictures
        writing.result()


def test_a_folder_removed_under_a_running_process_is_made_again(media: Path) -> None:
    write_verified(KEY, b"x")
    (media / KEY).unlink()
    (media / FOLDER).rmdir()
    write_verified(KEY, b"y")
    assert read_object(KEY) == b"y"


def test_many_threads_may_make_the_same_folders_at_once(media: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: write_verified(f"a/b/c/d/{number % 4}/{number}", b"x"), range(64)))
    assert len(list(list_objects("a/"))) == 64


def test_a_storage_folder_that_has_gone_is_our_trouble_and_not_a_missing_picture(media: Path) -> None:
    with pytest.raises(StorageUnavailable):
        read_object(KEY)
    media.mkdir()
    with pytest.raises(ObjectMissing):
        read_object(KEY)


def test_an_unreadable_object_is_storage_unavailable(media: Path) -> None:
    (media / KEY).mkdir(parents=True)
    with pytest.raises(StorageUnavailable):
        read_object(KEY)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_no_name_reaches_outside_the_folder(tmp_path: Path, name: str) -> None:
    store = DurableLocalStorage(tmp_path / "media")
    for attempt in (
        lambda: store.write_object(name, b"x"),
        lambda: store.read_object(name),
        lambda: store.delete_object(name),
        lambda: store.save(name, ContentFile(b"x")),
    ):
        with pytest.raises(SuspiciousFileOperation):
            attempt()
    assert everything_in(tmp_path) == []


def test_djangos_save_takes_another_name_rather_than_replace(tmp_path: Path) -> None:
    store = DurableLocalStorage(tmp_path)
    first, second = (store.save("a/b.txt", ContentFile(data)) for data in (b"first", b"second"))
    assert first == "a/b.txt"
    assert second != first
    assert store.read_object(first) == b"first"
    assert store.read_object(second) == b"second"


def test_djangos_save_loses_no_race_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DurableLocalStorage(tmp_path)
    store.write_object("a/b.txt", b"first")

    with monkeypatch.context() as patch:
        patch.setattr(store, "get_available_name", lambda name, max_length=None: f"{name}.next")
        assert store._save("a/b.txt", ContentFile(b"second")) == "a/b.txt.next"
    assert store.read_object("a/b.txt") == b"first"


def test_djangos_save_replaces_where_that_is_configured(tmp_path: Path) -> None:
    store = DurableLocalStorage(tmp_path, allow_overwrite=True)
    assert [store.save("a.txt", ContentFile(data)) for data in ("first", "second")] == ["a.txt", "a.txt"]
    assert store.open("a.txt").read() == b"second"
