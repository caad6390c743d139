"""What every test gets: a private state folder, few threads, and makers of rows."""

from __future__ import annotations

import os
import tempfile

# Before anything reads the settings: no test touches the state of a real installation.
_VAR = tempfile.mkdtemp(prefix="whatsit-tests-")
os.environ["WHATSIT_VAR"] = _VAR
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1")

import pytest  # noqa: E402 - the environment must be set first

pytest_plugins = ["tests.row_makers"]


@pytest.fixture(autouse=True)
def private_media(settings: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test stores its objects in a folder of its own."""
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "default": {
            **settings.STORAGES["default"],  # type: ignore[attr-defined]
            "OPTIONS": {
                **settings.STORAGES["default"].get("OPTIONS", {}),  # type: ignore[attr-defined]
                "location": str(tmp_path_factory.mktemp("media")),
            },
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
