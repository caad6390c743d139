"""Model folders through object storage: whole or not at all, and never another byte than was saved."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from classifier import artifact_storage
from classifier.artifact_storage import ArtifactDamaged, fetch_artifact, save_artifact_folder
from classifier.errors import StorageUnavailable
from classifier.object_storage import delete_object, list_objects, read_object, write_verified

pytest_plugins = ["tests.storage_servers.stores"]

FILES = {"weights.weights.h5": bytes(range(256)) * 4000, "vocabulary.txt": b"cat\n"}


def make_model(folder: Path, files: dict[str, bytes] | None = None, **more: object) -> Path:
    files = FILES if files is None else files
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"format_version": 1, "files": digests, **more}))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def media(use_store: Any, tmp_path: Path) -> Path:
    use_store(f"file://{tmp_path}/media")
    return tmp_path / "media"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "trained")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Not made yet: a worker's disk is empty at first."""
    return tmp_path / "worker" / "models"


def test_a_saved_model_comes_to_an_empty_disk_byte_for_byte(store: Any, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    folder = fetch_artifact(digest, cache)
    assert folder == cache / digest
    assert contents(folder) == contents(model)


def test_the_digest_is_that_of_the_manifest_and_names_the_keys(media: Path, model: Path) -> None:
    digest = save_artifact_folder(model)
    assert digest == hashlib.sha256((model / "manifest.json").read_bytes()).hexdigest()
    assert {found.key for found in list_objects("models/")} == {
        f"models/{digest}/{name}" for name in (*FILES, "manifest.json")
    }


def test_the_manifest_is_stored_last(media: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def fail_at_the_second(key: str, data: bytes) -> None:
        written.append(key)
        if len(written) == 2:
            raise StorageUnavailable
        write_verified(key, data)

    monkeypatch.setattr(artifact_storage, "write_verified", fail_at_the_second)
    with pytest.raises(StorageUnavailable):
        save_artifact_folder(model)
    assert not [found for found in list_objects("models/") if found.key.endswith("manifest.json")]


def test_a_model_without_its_manifest_in_the_store_is_damaged(media: Path, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    delete_object(f"models/{digest}/manifest.json")
    with pytest.raises(ArtifactDamaged, match=r"manifest\.json is missing"):
        fetch_artifact(digest, cache)


def test_saving_again_gives_the_same_digest_and_heals_a_damaged_object(media: Path, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    (media / f"models/{digest}/vocabulary.txt").write_bytes(b"dog\n")
    assert save_artifact_folder(model) == digest
    assert contents(fetch_artifact(digest, cache)) == contents(model)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "short", "missing"])
def test_a_damaged_object_is_never_handed_out(media: Path, model: Path, cache: Path, name: str, damage: str) -> None:
    digest = save_artifact_folder(model)
    key = f"models/{digest}/{name}"
    data = read_object(key)
    if damage == "missing":
        delete_object(key)
    else:
        write_verified(key, data[:-1] if damage == "short" else bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(ArtifactDamaged):
        fetch_artifact(digest, cache)
    assert not (cache / digest).exists()


def test_a_whole_copy_in_the_cache_needs_no_store(media: Path, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    folder = fetch_artifact(digest, cache)
    for found in list(list_objects("models/")):
        delete_object(found.key)
    assert fetch_artifact(digest, cache) == folder


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_a_damaged_copy_in_the_cache_is_fetched_again(media: Path, model: Path, cache: Path, damage: str) -> None:
    digest = save_artifact_folder(model)
    weights = fetch_artifact(digest, cache) / "weights.weights.h5"
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(b"x" + weights.read_bytes()[1:])
    assert contents(fetch_artifact(digest, cache)) == contents(model)


@pytest.mark.parametrize("digest", ["", "../../etc", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_what_is_no_digest_is_damaged_and_touches_nothing(media: Path, cache: Path, digest: str) -> None:
    with pytest.raises(ArtifactDamaged):
        fetch_artifact(digest, cache)
    assert not cache.exists()


@pytest.mark.parametrize("name", ["../weights", "/etc/passwd", "a/b", ".hidden", "manifest.json", "", "a\\b"])
def test_a_manifest_that_names_files_elsewhere_is_damaged(media: Path, tmp_path: Path, name: str) -> None:
    folder = make_model(tmp_path / "hostile", {})
    (folder / "manifest.json").write_text(json.dumps({"files": {name: "0" * 64}}))
    with pytest.raises(ArtifactDamaged, match="cannot be part of a model"):
        save_artifact_folder(folder)


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"files": {}}', '{"files": {"a": "short"}}', '{"files": [1]}']
)
def test_a_manifest_that_lists_no_files_is_damaged(media: Path, tmp_path: Path, text: str) -> None:
    folder = make_model(tmp_path / "odd", {})
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ArtifactDamaged):
        save_artifact_folder(folder)
    assert list(list_objects("")) == []


def test_a_folder_that_does_not_match_its_manifest_is_not_saved(media: Path, model: Path) -> None:
    (model / "weights.weights.h5").write_bytes(b"other")
    with pytest.raises(ArtifactDamaged, match=r"weights\.weights\.h5"):
        save_artifact_folder(model)
    assert list(list_objects("")) == []


def test_a_store_out_of_reach_is_storage_unavailable_and_leaves_no_folder(
    media: Path, model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = save_artifact_folder(model)

    def fail(key: str) -> bytes:
        raise StorageUnavailable

    monkeypatch.setattr(artifact_storage, "read_object", fail)
    with pytest.raises(StorageUnavailable):
        fetch_artifact(digest, cache)
    assert not (cache / digest).exists()


def test_a_full_cache_disk_is_storage_unavailable_and_leaves_nothing(
    media: Path, model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = save_artifact_folder(model)
    real_write = Path.write_bytes

    def fill(self: Path, data: bytes) -> int:
        if self.is_relative_to(cache):
            real_write(self, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        with pytest.raises(StorageUnavailable):
            fetch_artifact(digest, cache)
    assert list(cache.iterdir()) == []
    assert contents(fetch_artifact(digest, cache)) == contents(model)


def test_many_threads_that_fetch_at_once_all_get_the_whole_folder(media: Path, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: contents(fetch_artifact(digest, cache)), range(16)))
    assert folders == [contents(model)] * 16
    assert {path.name for path in cache.iterdir()} == {digest, ".lock"}


FETCHER = """
import os, sys, time
from pathlib import Path
from django.conf import settings
backend = {"BACKEND": "classifier.storage_backends.DurableLocalStorage", "OPTIONS": {"location": sys.argv[1]}}
settings.configure(USE_TZ=True, STORAGES={"default": backend})
from classifier import artifact_storage
if sys.argv[4] == "stop":
    real = Path.write_bytes
    def halfway(self, data):
        real(self, data[: len(data) // 2])
        print("half", flush=True)
        time.sleep(60)
    Path.write_bytes = halfway
else:
    print("ready", flush=True)
    sys.stdin.readline()
print(artifact_storage.fetch_artifact(sys.argv[2], Path(sys.argv[3])), flush=True)
"""


def start_fetcher(media: Path, digest: str, cache: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCHER, str(media), digest, str(cache), mode]
    root = Path(artifact_storage.__file__).parent.parent
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)


@pytest.mark.processes
def test_processes_that_fetch_at_once_all_get_the_whole_folder(media: Path, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    fetchers = [start_fetcher(media, digest, cache, "go") for _ in range(3)]
    for fetcher in fetchers:
        assert fetcher.stdout
        assert fetcher.stdout.readline() == "ready\n"
    answers = [fetcher.communicate("\n", timeout=60)[0].strip() for fetcher in fetchers]
    assert answers == [str(cache / digest)] * 3
    assert contents(cache / digest) == contents(model)
    assert {path.name for path in cache.iterdir()} == {digest, ".lock"}


@pytest.mark.faults
def test_a_fetch_killed_midway_leaves_no_folder_and_its_rest_is_purged(media: Path, model: Path, cache: Path) -> None:
    digest = save_artifact_folder(model)
    fetcher = start_fetcher(media, digest, cache, "stop")
    assert fetcher.stdout
    assert fetcher.stdout.readline() == "half\n"
    fetcher.send_signal(signal.SIGKILL)
    fetcher.communicate()
    (rest,) = cache.iterdir()
    assert not (cache / digest).exists()
    an_hour_ago = time.time() - 3601
    os.utime(rest, (an_hour_ago, an_hour_ago))
    assert contents(fetch_artifact(digest, cache)) == contents(model)
    assert not rest.exists()
