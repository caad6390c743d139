"""Model folders ↔ object storage, by the SHA-256 of their manifest. All but a manifest's `files` is ml's business.

The manifest is stored last, so an artifact is either whole or not there; nothing is believed without its digest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from classifier.errors import StorageUnavailable
from classifier.object_storage import BadObjectKey, ObjectMissing, read_object, stat_object, write_verified

PREFIX: Final = "models/"
MANIFEST: Final = "manifest.json"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_SIDE_FOLDER_PREFIX: Final = ".fetching-"
_SIDE_FOLDER_SECONDS: Final = 3600.0
_MOST_FILE_BYTES: Final = 1 << 30


class ArtifactDamaged(Exception):  # noqa: N818 - a state of the world that callers answer, like ObjectMissing
    """A model folder is incomplete, altered, or not described by its manifest."""


def save_artifact_folder(folder: Path) -> str:
    """Store a model folder and return its digest. Saving it again is harmless and heals a damaged copy.

    Raises ArtifactDamaged when the folder does not match its own manifest, StorageUnavailable.
    """
    manifest = _read_file(folder, MANIFEST)
    digest = hashlib.sha256(manifest).hexdigest()
    files = _read_listed_files(_listed_files(manifest, digest), lambda name: _read_file(folder, name))
    for name, data in files.items():
        write_verified(stored_key(digest, name), data)
    write_verified(stored_key(digest, MANIFEST), manifest)
    return digest


def stored_size(digest: str, names: Iterable[str]) -> int:
    """Bytes of these files of an artifact, as the store says; missing ones count nothing. Raises StorageUnavailable."""
    size = 0
    for name in names:
        with suppress(ObjectMissing, BadObjectKey):
            size += stat_object(stored_key(digest, name)).size
    return size


def fetch_artifact(digest: str, cache_dir: Path) -> Path:
    """The folder of this artifact below `cache_dir`, fetched unless a whole copy is there.

    Processes that fetch at once end with one folder; an interrupted fetch leaves nothing under the digest's name.
    Raises ArtifactDamaged when the stored objects are missing or altered, StorageUnavailable (a full disk included).
    """
    if not _DIGEST.fullmatch(digest):
        raise ArtifactDamaged(f"{digest!r} is not the digest of an artifact.")
    target = cache_dir / digest
    if _is_whole(target, digest):
        return target
    contents = _download(digest)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _purge_side_folders(cache_dir)
        _publish(contents, target)
    except OSError as problem:
        raise StorageUnavailable from problem
    if not _is_whole(target, digest):
        raise ArtifactDamaged(f"The copy of artifact {digest} in {cache_dir} was altered while it was made.")
    return target


def _download(digest: str) -> dict[str, bytes]:
    def read(name: str) -> bytes:
        try:
            if (size := stat_object(stored_key(digest, name)).size) > _MOST_FILE_BYTES:
                raise ArtifactDamaged(
                    f"{name} of artifact {digest} has {size} bytes, more than a model's file can have."
                )
            return read_object(stored_key(digest, name))
        except ObjectMissing as problem:
            raise ArtifactDamaged(
                f"Artifact {digest} is not complete in object storage: {name} is missing."
            ) from problem

    manifest = read(MANIFEST)
    return {**_read_listed_files(_listed_files(manifest, digest), read), MANIFEST: manifest}


def _publish(contents: Mapping[str, bytes], target: Path) -> None:
    """Side folder, then rename, one process at a time: a whole copy of a faster one stays, a damaged one gives way."""
    side = target.parent / f"{_SIDE_FOLDER_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
    side.mkdir(mode=0o700)
    try:
        for name, data in contents.items():
            (side / name).write_bytes(data)
        with _locked(target.parent):
            if not _is_whole(target, target.name):
                shutil.rmtree(target, ignore_errors=True)
                side.rename(target)
    finally:
        shutil.rmtree(side, ignore_errors=True)


@contextmanager
def _locked(cache_dir: Path) -> Iterator[None]:
    """Held for a rename only; the system frees it when a process dies."""
    with (cache_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_whole(folder: Path, digest: str) -> bool:
    """Does the folder hold exactly what the digest promises? Also true after another process completed it."""
    try:
        manifest = _read_file(folder, MANIFEST)
        _read_listed_files(_listed_files(manifest, digest), lambda name: _read_file(folder, name))
    except ArtifactDamaged:
        return False
    return True


def _listed_files(manifest: bytes, digest: str) -> dict[str, str]:
    """The manifest's `files`: name → hex SHA-256. Raises ArtifactDamaged unless the manifest is the digest's."""
    if hashlib.sha256(manifest).hexdigest() != digest:
        raise ArtifactDamaged(f"The manifest of artifact {digest} was altered.")
    try:
        files = json.loads(manifest)["files"]
        valid = bool(files) and all(_is_listed_well(name, value) for name, value in files.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise ArtifactDamaged(f"The manifest of artifact {digest} lists no files.") from problem
    if not valid:
        raise ArtifactDamaged(f"The manifest of artifact {digest} lists files that cannot be part of a model.")
    return dict(files)


def _is_listed_well(name: object, value: object) -> bool:
    named = isinstance(name, str) and name != MANIFEST and _FILE_NAME.fullmatch(name) is not None
    return named and isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _read_listed_files(files: Mapping[str, str], read: Callable[[str], bytes]) -> dict[str, bytes]:
    """The bytes of every listed file. Raises ArtifactDamaged at the first that is not what the manifest says."""
    contents = {}
    for name, expected in files.items():
        contents[name] = read(name)
        found = hashlib.sha256(contents[name]).hexdigest()
        if found != expected:
            raise ArtifactDamaged(f"{name} was altered: its SHA-256 is {found}, the manifest says {expected}.")
    return contents


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as problem:
        raise ArtifactDamaged(f"{folder / name} cannot be read: {problem}.") from problem


def _purge_side_folders(cache_dir: Path) -> None:
    """Remove what killed fetches left behind."""
    oldest = time.time() - _SIDE_FOLDER_SECONDS
    for folder in cache_dir.glob(f"{_SIDE_FOLDER_PREFIX}*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def stored_key(digest: str, name: str) -> str:
    """Where a file of an artifact lies."""
    return f"{PREFIX}{digest}/{name}"
