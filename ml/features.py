"""What a frozen backbone sees in pictures: computed once for each picture, however many epochs learn from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.data_types import Pictures, Pixels
from ml.feature_cache import FeatureCache, Features, FeatureStore
from ml.inference import compile_logits
from ml.network_parts import PENULTIMATE
from ml.packed_pictures import PackedPictures, allocate
from ml.preprocessing import Preprocessing

BATCH = 32
PACK, PACK_BYTES = 1024, 32 * 1024 * 1024
SPACE_VERSION = 1
OnPicture = Callable[[int], None]


class FeatureExtractor:
    """The backbone's part of a `transfer` network, compiled; remembers what it computed where it has a store."""

    def __init__(self, network: keras.Model, preprocessing: Preprocessing, space: str, store: FeatureStore | None):
        pooled = keras.Model(network.input, network.get_layer(PENULTIMATE).output)
        self.width = int(pooled.output.shape[-1])
        self.preprocessing = preprocessing
        self._compute = compile_logits(pooled, preprocessing, mirror_average=False)
        self._cache = None if store is None else FeatureCache(store, space)

    def compute(self, images: Pixels) -> Features:
        """uint8 (n, height, width, channels) → float16 (n, features), in batches and without the cache."""
        return np.concatenate([self._compute_batch(batch) for batch in split(images, BATCH)])

    def extract(self, images: Pictures, on_picture: OnPicture = lambda done: None) -> Features:
        """As `compute`, equal pictures once and known ones from the cache; `on_picture` hears how many are done.

        What `on_picture` raises passes through; whole packs of features that were finished by then are kept.
        """
        return self.extract_views(images, mirrored=False, on_picture=on_picture)[:, 0]

    def extract_views(
        self,
        images: Pictures,
        *,
        mirrored: bool,
        on_picture: OnPicture = lambda done: None,
        scratch: Path | None = None,
    ) -> Features:
        """As `extract`, of each picture and, if `mirrored`, its mirror image too: float16 (n, views, features).

        Each picture is read once, and only if a view of it is unknown; no more than a batch is in memory. Very many
        features lie in a file in `scratch`, see `packed_pictures.allocate`.
        """
        views = 2 if mirrored else 1
        keys = [key for view in range(views) for key in picture_keys(images, mirrored=view == 1)]
        features = allocate((len(keys), self.width), np.float16, scratch)
        found = np.zeros(len(keys), bool) if self._cache is None else self._cache.fill(keys, features)
        first: dict[bytes, int] = {}
        for place in np.flatnonzero(~found).tolist():
            first.setdefault(keys[place], place)
        wanted = np.zeros(len(keys), bool)
        wanted[list(first.values())] = True
        self._fill(images, features.reshape(views, len(images), self.width), wanted, keys, on_picture, int(found.sum()))
        for place in np.flatnonzero(~found & ~wanted).tolist():
            features[place] = features[first[keys[place]]]
        return features.reshape(views, len(images), self.width).transpose(1, 0, 2)

    def _fill(
        self,
        images: Pictures,
        features: Features,
        wanted: NDArray[np.bool_],
        keys: list[bytes],
        on_picture: OnPicture,
        done: int,
    ) -> None:
        """Compute the `wanted` rows of `features` (views, n, f), pack by pack."""
        on_picture(done)
        count = len(images)
        by_view = wanted.reshape(len(features), count)
        pack_size = max(BATCH, min(PACK, PACK_BYTES // (2 * self.width * len(features))))
        for pack in split(np.flatnonzero(by_view.any(axis=0)), pack_size):
            for part in split(pack, BATCH):
                pictures = images[part]
                for view, chosen in enumerate(by_view[:, part]):
                    if chosen.any():
                        seen = pictures[chosen][:, :, ::-1] if view else pictures[chosen]
                        features[view, part[chosen]] = self._compute_batch(seen)
                        done += int(chosen.sum())
                on_picture(done)
            if self._cache is not None:
                rows = np.flatnonzero(wanted & np.tile(np.isin(np.arange(count), pack), len(features)))
                self._cache.add([keys[row] for row in rows.tolist()], features.reshape(-1, self.width)[rows])

    def _compute_batch(self, images: Pixels) -> Features:
        values = np.asarray(self._compute(np.ascontiguousarray(images)), np.float32)
        limit = float(np.finfo(np.float16).max)
        return np.clip(values, -limit, limit).astype(np.float16)


def name_space(weights_digest: str, preprocessing: Preprocessing, pooling: str, number_format: str, name: str) -> str:
    """Equal where features are interchangeable."""
    parts: list[Any] = [SPACE_VERSION, name, weights_digest, preprocessing.to_dict(), pooling, number_format]
    return f"{name}-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]}"


def digest_pixels(image: Pixels) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def picture_keys(images: Pictures, *, mirrored: bool) -> list[bytes]:
    """What stands for each picture in the cache: packed ones know it, of others it is the digest of their pixels."""
    if isinstance(images, PackedPictures):
        return images.keys(mirrored)
    return [digest_pixels(image[:, ::-1] if mirrored else image) for image in images[:]]


def split(values: Any, size: int) -> Iterator[Any]:
    """Pieces of an array or list of up to `size`, in order."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
