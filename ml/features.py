"""What a frozen backbone sees in pictures: computed once for each picture, however many epochs learn from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from ml.data_types import Pixels
from ml.feature_cache import FeatureCache, Features, FeatureStore
from ml.inference import compile_logits
from ml.network_parts import PENULTIMATE
from ml.preprocessing import Preprocessing

BATCH = 32
PACK = 1024
SPACE_VERSION = 1


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

    def extract(self, images: Pixels, on_picture: Callable[[int], None] = lambda done: None) -> Features:
        """As `compute`, equal pictures once and known ones from the cache; `on_picture` hears how many are done.

        What `on_picture` raises passes through; whole packs of features that were finished by then are kept.
        """
        digests = [digest_pixels(image) for image in images]
        features = np.zeros((len(images), self.width), np.float16)
        found = np.zeros(len(images), bool) if self._cache is None else self._cache.fill(digests, features)
        done = int(found.sum())
        on_picture(done)
        first: dict[bytes, int] = {}
        for place in np.flatnonzero(~found).tolist():
            first.setdefault(digests[place], place)
        for chosen in split(list(first.values()), PACK):
            for part in split(chosen, BATCH):
                features[part] = self._compute_batch(images[part])
                done += len(part)
                on_picture(done)
            if self._cache is not None:
                self._cache.add([digests[place] for place in chosen], features[chosen])
        for place in np.flatnonzero(~found).tolist():
            features[place] = features[first[digests[place]]]
        return features

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


def split(values: Any, size: int) -> Iterator[Any]:
    """Pieces of an array or list of up to `size`, in order."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
