"""Features that have been computed already, in packs that any store of named bytes can hold. No TensorFlow."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Sequence
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
    """A FeatureStore in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self, prefix: str) -> list[str]:
        return sorted(f"{prefix}{path.name}" for path in (self.folder / prefix).glob("*.npz"))

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Beside, then renamed: a pack is there whole or not at all."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        side = path.with_name(f".{path.name}.{os.getpid()}.partial")
        side.write_bytes(data)
        side.replace(path)


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
