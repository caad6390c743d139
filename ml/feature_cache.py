"""Features that have been computed already, in packs that any store of named bytes can hold. No TensorFlow."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float16]

DIGEST_BYTES = 32


class FeatureStore(Protocol):
    """Named bytes that are written once and never changed: a folder here, object storage where the caller has one."""

    def names(self, prefix: str) -> Iterable[str]:
        """All names that begin with `prefix`."""
        ...

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, data: bytes) -> None: ...


class FolderStore:
    """A FeatureStore in a folder; above `most_bytes` the packs go that were not used for the longest time."""

    def __init__(self, folder: Path, most_bytes: int | None = None) -> None:
        self.folder, self.most_bytes = folder, most_bytes

    def names(self, prefix: str) -> list[str]:
        return sorted(f"{prefix}{path.name}" for path in (self.folder / prefix).glob("*.npz"))

    def read(self, name: str) -> bytes:
        """Reading counts as use. Raises OSError where another process has just made room."""
        path = self.folder / name
        data = path.read_bytes()
        with suppress(OSError):
            os.utime(path)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Beside, then renamed: a pack is there whole or not at all."""
        if self.most_bytes is not None and len(data) > self.most_bytes:
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        side = path.with_name(f".{path.name}.{os.getpid()}.partial")
        side.write_bytes(data)
        side.replace(path)
        self._make_room()

    def _make_room(self) -> None:
        if self.most_bytes is None:
            return
        packs = []
        for path in self.folder.glob("*/*.npz"):
            with suppress(FileNotFoundError):
                facts = path.stat()
                packs.append((facts.st_mtime_ns, facts.st_size, path))
        size = sum(size_bytes for _, size_bytes, _ in packs)
        for _, size_bytes, path in sorted(packs):
            if size <= self.most_bytes:
                return
            path.unlink(missing_ok=True)
            size -= size_bytes


class FeatureCache:
    """The features of one space: one backbone, its weights, one way to prepare and to pool.

    A picture is known by the digest of its prepared pixels, so that its mirror image is another picture.
    """

    def __init__(self, store: FeatureStore, space: str) -> None:
        self.store = store
        self.prefix = f"{space}/"

    def fill(self, digests: Sequence[bytes], features: Features) -> NDArray[np.bool_]:
        """Put the known rows into `features` (n, f); returns which they are. An unreadable pack counts as none."""
        found = np.zeros(len(digests), bool)
        places: dict[bytes, list[int]] = {}
        for place, digest in enumerate(digests):
            places.setdefault(digest, []).append(place)
        for name in self.store.names(self.prefix):
            if found.all():
                break
            for digest, row in self._read_pack(name, features.shape[1]):
                for place in places.get(digest, ()):
                    features[place] = row
                    found[place] = True
        return found

    def add(self, digests: Sequence[bytes], features: Features) -> None:
        """Store rows as one pack, named by its content."""
        stream = io.BytesIO()
        np.savez(stream, digests=np.frombuffer(b"".join(digests), np.uint8), features=features)
        data = stream.getvalue()
        self.store.write(self._name(data), data)

    def _name(self, data: bytes) -> str:
        return f"{self.prefix}{hashlib.sha256(data).hexdigest()}.npz"

    def _read_pack(self, name: str, width: int) -> Iterable[tuple[bytes, Features]]:
        try:
            data = self.store.read(name)
            if name != self._name(data):
                return ()
            with np.load(io.BytesIO(data), allow_pickle=False) as pack:
                digests, features = pack["digests"].reshape(-1, DIGEST_BYTES), pack["features"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return ()
        if features.shape != (len(digests), width) or not np.isfinite(features).all():
            return ()
        return zip(map(bytes, digests), features, strict=True)
