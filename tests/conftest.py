"""What every test gets: a private state folder, few threads, and makers of rows."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Before anything reads the settings: no test touches the state of a real installation. That is why pytest's own
# configuration does not name them: it would read them before this file.
_VAR = tempfile.mkdtemp(prefix="whatsit-tests-")
atexit.register(shutil.rmtree, _VAR, ignore_errors=True)
os.environ.setdefault("WHATSIT_TESTS_FOLDER", _VAR)
os.environ["DJANGO_SETTINGS_MODULE"] = "classifier.settings"
os.environ["WHATSIT_VAR"] = _VAR
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1")

from collections.abc import Iterator  # noqa: E402 - the environment must be set first

import django  # noqa: E402
import pytest  # noqa: E402
from django.conf import settings  # noqa: E402
from django.test import override_settings  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402

django.setup()

# The same examples in every run, however slow the machine is. A failure by chance would refuse work that is right.
hypothesis_settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("steady")

pytest_plugins = ["tests.row_makers", "tests.webhook_receiver", "tests.work_sharing"]


@pytest.fixture(autouse=True)
def private_media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each test stores its objects in a folder of its own, and hashes passwords at no cost."""
    usual = settings.STORAGES["default"]
    default = {**usual, "OPTIONS": {**usual.get("OPTIONS", {}), "location": str(tmp_path_factory.mktemp("media"))}}
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    storages = {**settings.STORAGES, "default": default, "staticfiles": static}
    # Made to be slow: a real hash takes as long as ten tests.
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(STORAGES=storages, PASSWORD_HASHERS=hashers):
        yield
