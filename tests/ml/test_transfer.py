"""The recipe `transfer`: features once, a head, one artifact that serves without any other file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.artifact import read_manifest, read_weights
from ml.backbones import BackboneError
from ml.data_types import Progress, TrainingOutcome
from ml.errors import MlError
from ml.feature_cache import FolderStore
from ml.inference import LoadedModel
from ml.training import train
from ml.training_settings import TrainingSettings
from tests.ml.transfer_models import SMALL_TRANSFER, draw_colours, make_colour_data


def run(
    folder: Path, settings: TrainingSettings = SMALL_TRANSFER, **options: object
) -> tuple[TrainingOutcome, list[Progress]]:
    news: list[Progress] = []
    arguments = {"on_progress": news.append, "should_stop": lambda: False, **options}
    data = make_colour_data(settings.backbone)
    return train(data, settings, folder=folder, **arguments), news  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingOutcome, list[Progress]]:
    folder = tmp_path_factory.mktemp("transfer") / "model"
    return folder, *run(folder)


def test_it_learns_two_easy_kinds(trained: tuple[Path, TrainingOutcome, list[Progress]]) -> None:
    _, outcome, _ = trained
    assert outcome.finished
    assert outcome.metrics["holdout"]["accuracy"] >= 0.9
    assert outcome.metrics["run"]["class_weights"] == [1.0, 1.0]


def test_the_artifact_alone_answers_as_the_run_measured(
    trained: tuple[Path, TrainingOutcome, list[Progress]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, outcome, _ = trained
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    model = LoadedModel.load(folder)
    answers = model.predict(draw_colours(12, 2).images[:])
    right = [answer.label_index for answer in answers] == draw_colours(12, 2).labels
    assert float(np.mean(right)) == outcome.metrics["holdout"]["accuracy"]


def test_the_manifest_says_what_was_built_and_the_weights_are_all_there(
    trained: tuple[Path, TrainingOutcome, list[Progress]],
) -> None:
    manifest = read_manifest(trained[0])
    assert manifest.network["name"] == "transfer"
    assert manifest.network["settings"] == {"backbone": "mobilenet", "pooling": "mean", "head": []}
    assert manifest.preprocessing.name == "scale_minus1_1"
    assert {"conv1/kernel", "conv_pw_12/bias", "logits/kernel"} <= set(read_weights(trained[0], manifest))


def test_features_are_told_as_a_phase_of_their_own_before_the_epochs(
    trained: tuple[Path, TrainingOutcome, list[Progress]],
) -> None:
    phases = [each.phase for each in trained[2]]
    assert phases == sorted(phases)
    told = [each for each in trained[2] if each.phase == "features"]
    assert told[-1].share_done == 1.0
    assert told[-1].steps_per_epoch == 24 * 2 + 12 + 12


def test_a_second_run_takes_its_features_from_the_store_and_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "features")
    run(tmp_path / "first", feature_store=store)
    monkeypatch.setattr("ml.features.FeatureExtractor._compute_batch", refuse_to_compute)
    run(tmp_path / "second", feature_store=store)
    first, second = (
        dict(read_weights(tmp_path / name, read_manifest(tmp_path / name))) for name in ("first", "second")
    )
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def refuse_to_compute(*_: object) -> None:
    raise AssertionError("a feature was computed twice")


@pytest.mark.parametrize("phase", ["features", "training"])
def test_a_stopped_run_writes_no_artifact(tmp_path: Path, phase: str) -> None:
    news: list[Progress] = []
    outcome, _ = run(
        tmp_path / "m", on_progress=news.append, should_stop=lambda: bool(news) and news[-1].phase == phase
    )
    assert not outcome.finished
    assert list(tmp_path.iterdir()) == []


def test_fine_tuning_moves_the_last_block_and_nothing_before_it(tmp_path: Path) -> None:
    settings = replace(SMALL_TRANSFER, epochs=1, fine_tune_epochs=2, fine_tune_rate=1e-4)
    plain, tuned = tmp_path / "plain", tmp_path / "tuned"
    run(plain, replace(settings, fine_tune_epochs=0))
    _, news = run(tuned, settings)
    before, after = (dict(read_weights(folder, read_manifest(folder))) for folder in (plain, tuned))
    changed = {name.split("/")[0] for name, values in before.items() if not np.array_equal(values, after[name])}
    assert changed == {"conv_dw_12", "conv_pw_12", "logits"}
    assert [each.epoch for each in news if each.phase == "fine_tuning" and each.validation_loss is not None] == [0, 1]


def test_interrupted_fine_tuning_goes_on_from_its_last_epoch_and_ends_alike(tmp_path: Path) -> None:
    settings = replace(SMALL_TRANSFER, epochs=1, fine_tune_epochs=2, fine_tune_rate=1e-3, mirror=False)
    store, checkpoint = FolderStore(tmp_path / "features"), tmp_path / "state.npz"
    run(tmp_path / "whole", settings, feature_store=store)
    news: list[Progress] = []
    stopped, _ = run(
        tmp_path / "m",
        settings,
        feature_store=store,
        checkpoint=checkpoint,
        on_progress=news.append,
        should_stop=lambda: bool(news) and news[-1].phase == "fine_tuning" and news[-1].epoch == 1,
    )
    assert not stopped.finished
    run(tmp_path / "m", settings, feature_store=store, checkpoint=checkpoint)
    whole, resumed = (dict(read_weights(tmp_path / name, read_manifest(tmp_path / name))) for name in ("whole", "m"))
    for name, values in whole.items():
        np.testing.assert_array_equal(values, resumed[name], err_msg=name)


def test_missing_weights_are_an_error_that_says_where_to_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    settings = replace(SMALL_TRANSFER, backbone_weights="imagenet")
    with pytest.raises(BackboneError, match="Put them at"):
        run(tmp_path / "m", settings, weights_folder=tmp_path)


def test_pictures_prepared_for_another_backbone_are_refused(tmp_path: Path) -> None:
    settings = replace(SMALL_TRANSFER, backbone="vgg16")
    with pytest.raises(MlError, match="prepared as imagenet_bgr"):
        train(
            make_colour_data("mobilenet"),
            settings,
            folder=tmp_path / "m",
            on_progress=lambda _: None,
            should_stop=lambda: False,
        )


def test_a_vgg16_with_flat_features_and_a_deep_head_is_saved_and_loaded(tmp_path: Path) -> None:
    settings = replace(SMALL_TRANSFER, backbone="vgg16", pooling="flat", head=[16, 8], epochs=2, mirror=False)
    outcome, _ = run(tmp_path / "m", settings)
    model = LoadedModel.load(tmp_path / "m")
    assert model.manifest.network["settings"] == {"backbone": "vgg16", "pooling": "flat", "head": [16, 8]}
    answers = model.predict(draw_colours(12, 2).images[:])
    right = float(np.mean([answer.label_index for answer in answers] == draw_colours(12, 2).labels))
    assert right == pytest.approx(outcome.metrics["holdout"]["accuracy"], abs=0.1)
