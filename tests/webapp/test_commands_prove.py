"""`manage.py prove`: a sentence either way, an exit code of its own for a store that is away, and nothing changed."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from classifier.errors import StorageUnavailable
from classifier.models import Classifier, ModelVersion
from tests.row_makers import make_version
from tests.stub_predictor import install_stub_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stub_worker(settings: Any, tmp_path: Path, rings: list[str]) -> None:
    settings.PREDICTOR = "tests.stub_predictor.StubPredictor"
    settings.MODEL_CACHE_DIR = tmp_path / "cache"


def prove(version: str) -> str:
    said = io.StringIO()
    call_command("prove", "pets", version, stdout=said)
    return said.getvalue()


def test_it_says_what_was_proved_and_changes_nothing() -> None:
    install_stub_version(1, live=False)
    assert "only tried that it loads and answers" in prove("1")
    assert Classifier.objects.get().live_version is None
    assert ModelVersion.objects.get().stage == "candidate"


def test_a_version_without_files_is_a_sentence(pets: Classifier) -> None:
    make_version(pets, "2" * 64)
    with pytest.raises(CommandError, match=r"v2 cannot go live: .*manifest\.json is missing"):
        prove("2")


def test_a_store_that_is_away_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    install_stub_version(1, live=False)

    def be_away(*words: object) -> Path:
        raise StorageUnavailable

    monkeypatch.setattr("tasks.proving.fetch_artifact", be_away)
    with pytest.raises(CommandError) as problem:
        prove("1")
    assert problem.value.returncode == os.EX_TEMPFAIL
