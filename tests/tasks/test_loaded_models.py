"""Which models a worker holds, and what it does with one that does not load."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from tasks.loaded_models import LoadedModels, ModelUnavailable
from tests.stub_predictor import LABELS, StubPredictor, install_stub_version

pytestmark = pytest.mark.django_db
STUB = "tests.stub_predictor.StubPredictor"


@pytest.fixture
def models(rings: list[str], settings: pytest.FixtureRequest, tmp_path: Path) -> LoadedModels:
    settings.PREDICTOR = STUB  # type: ignore[attr-defined]
    return LoadedModels(tmp_path / "models", memory_bytes=1_000_000)


def fail_with(problem: Exception) -> classmethod[StubPredictor, [Path], StubPredictor]:
    def load(cls: type[StubPredictor], folder: Path) -> StubPredictor:
        raise problem

    return classmethod(load)


def test_a_model_is_fetched_once_and_held(models: LoadedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    version = UUID(install_stub_version(1))
    held = models.get(version)
    monkeypatch.setattr(f"{STUB}.load", fail_with(AssertionError("loaded twice")))
    assert models.get(version) is held
    assert list(held.predictor.labels) == LABELS


@pytest.mark.parametrize("problem", [MemoryError("no room"), RuntimeError("CUDA error"), ValueError("odd shape")])
def test_whatever_the_framework_raises_at_loading_makes_this_version_unavailable(
    problem: Exception, models: LoadedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = UUID(install_stub_version(1))
    monkeypatch.setattr(f"{STUB}.load", fail_with(problem))
    with pytest.raises(ModelUnavailable):
        models.get(version)


def test_a_model_that_fails_while_it_warms_up_is_unavailable(
    models: LoadedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = UUID(install_stub_version(1))
    monkeypatch.setenv("STUB_BATCH", "not a number")
    with pytest.raises(ModelUnavailable):
        models.get(version)


def test_a_database_that_is_away_says_nothing_about_a_model(
    models: LoadedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = UUID(install_stub_version(1))
    monkeypatch.setattr(f"{STUB}.load", fail_with(OperationalError("away")))
    with pytest.raises(OperationalError):
        models.get(version)


def test_a_refused_version_is_not_tried_again_at_once(models: LoadedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    version = UUID(install_stub_version(1))
    with monkeypatch.context() as broken:
        broken.setattr(f"{STUB}.load", fail_with(MemoryError()))
        with pytest.raises(ModelUnavailable):
            models.get(version)
    with pytest.raises(ModelUnavailable, match="a moment ago"):
        models.get(version)


def test_it_loads_after_the_pause(
    models: LoadedModels, monkeypatch: pytest.MonkeyPatch, settings: pytest.FixtureRequest
) -> None:
    settings.PREDICTION_RETRY_SECONDS = 0.0  # type: ignore[attr-defined]
    version = UUID(install_stub_version(1))
    with monkeypatch.context() as broken:
        broken.setattr(f"{STUB}.load", fail_with(MemoryError()))
        with pytest.raises(ModelUnavailable):
            models.get(version)
    assert models.get(version).version_id == version


def test_an_unknown_version_is_unavailable(models: LoadedModels) -> None:
    with pytest.raises(ModelUnavailable):
        models.get(uuid4())


def test_the_least_recently_used_model_gives_way(models: LoadedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StubPredictor, "memory_bytes", 400_000)
    first, second, third = (UUID(install_stub_version(offset)) for offset in range(3))
    models.get(first)
    models.get(second)
    models.get(first)
    models.get(third)
    assert models.version_ids() == [str(first), str(third)]
