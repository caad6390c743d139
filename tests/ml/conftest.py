"""Shared fixtures of the ml floor's tests; TensorFlow keeps to one thread here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

FASHION_FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "fashion-mnist"


@pytest.fixture(scope="session")
def fashion_folder() -> Path:
    if not FASHION_FOLDER.is_dir():
        pytest.skip("the Fashion-MNIST files are not beside this checkout")
    return FASHION_FOLDER


@pytest.fixture(scope="session")
def tiny_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained artifact; read it, or copy it before changing it."""
    from ml.training import train  # TensorFlow: only for the tests that ask for a trained model
    from tests.ml.tiny_models import TINY_SETTINGS, make_tiny_data

    folder = tmp_path_factory.mktemp("tiny") / "model"
    train(make_tiny_data(), TINY_SETTINGS, folder=folder, on_progress=lambda _: None, should_stop=lambda: False)
    return folder
