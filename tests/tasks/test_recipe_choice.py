"""What was not said about a run is chosen by the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.classifiers import create_classifier
from classifier.datasets import dataset_cache_dir, fetch_dataset
from classifier.errors import Refused
from ml.recipes import RecipeChoice
from ml.training_examples import Selection, select_examples
from tasks.importing import import_pictures
from tasks.recipe_choice import choose_preprocessing, choose_run_recipe, choose_settings
from tasks.training_options import RunOptions, read_options
from tests.dataset_makers import write_folders, write_halves

pytestmark = pytest.mark.django_db


SMALL = RecipeChoice("small", {}, "small")


@pytest.fixture(autouse=True)
def private_state(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"  # type: ignore[attr-defined]


def select(place: Path) -> Selection:
    dataset = import_pictures(name="data", place=str(place)).dataset
    return select_examples([fetch_dataset(dataset, dataset_cache_dir())], dataset.labels)


def test_few_pictures_get_small_batches_and_many_epochs(tmp_path: Path) -> None:
    selection = select(write_halves(tmp_path / "halves", train=90, test=10))
    chosen = choose_settings(RunOptions(), SMALL, create_classifier(slug="halves"), selection)
    assert chosen.batch_size == 8
    assert chosen.epochs == 60


def test_what_was_said_wins(tmp_path: Path) -> None:
    selection = select(write_halves(tmp_path / "halves", train=90, test=10))
    options = read_options({"epochs": 2, "batch_size": 16, "seed": 5, "mirror": False})
    chosen = choose_settings(options, SMALL, create_classifier(slug="halves"), selection)
    assert (chosen.epochs, chosen.batch_size, chosen.seed, chosen.mirror) == (2, 16, 5, False)


def test_the_classifier_decides_about_mirroring_and_precision(tmp_path: Path) -> None:
    classifier = create_classifier(slug="letters")
    classifier.left_right_differ, classifier.target_precision = True, 0.8
    chosen = choose_settings(RunOptions(), SMALL, classifier, select(write_halves(tmp_path / "x", train=40, test=4)))
    assert (chosen.mirror, chosen.target_precision) == (False, 0.8)


def test_small_grey_pictures_on_black_stay_as_they_are(tmp_path: Path) -> None:
    preprocessing = choose_preprocessing(RunOptions(), SMALL, select(write_halves(tmp_path / "x", train=40, test=4)))
    assert (preprocessing.name, preprocessing.shape) == ("grey_bright_on_dark", (8, 8, 1))


def test_other_grey_pictures_are_taken_in_colour(tmp_path: Path) -> None:
    preprocessing = choose_preprocessing(RunOptions(), SMALL, select(write_folders(tmp_path / "x", {"a": 20, "b": 20})))
    assert (preprocessing.name, preprocessing.shape) == ("scale_0_1", (28, 28, 3))


def test_a_wished_size_is_used(tmp_path: Path) -> None:
    selection = select(write_halves(tmp_path / "x", train=40, test=4))
    assert choose_preprocessing(RunOptions(image_size=16), SMALL, selection).shape == (16, 16, 3)


def test_runs_of_many_epochs_get_patience_unless_something_was_said(tmp_path: Path) -> None:
    selection = select(write_halves(tmp_path / "x", train=40, test=4))
    classifier = create_classifier(slug="halves")

    def patience(**said: object) -> int:
        return choose_settings(read_options(said), SMALL, classifier, selection).patience_epochs

    assert patience() == 30
    assert patience(epochs=10) == 0
    assert patience(patience_epochs=4) == 4
    assert patience(patience_epochs=0) == 0


def test_a_transfer_run_takes_pictures_as_its_backbone_does(tmp_path: Path) -> None:
    options = read_options({"recipe": "transfer", "backbone": "vgg16", "image_size": 64, "head": [256, 128]})
    selection = select(write_halves(tmp_path / "x", train=40, test=4))
    choice = choose_run_recipe(options, selection, None)
    preprocessing = choose_preprocessing(options, choice, selection)
    chosen = choose_settings(options, choice, create_classifier(slug="halves"), selection)
    assert (preprocessing.name, preprocessing.shape) == ("imagenet_bgr", (64, 64, 3))
    assert (chosen.recipe, chosen.backbone, chosen.head) == ("transfer", "vgg16", [256, 128])


def test_auto_learns_small_silhouettes_from_scratch(tmp_path: Path) -> None:
    selection = select(write_halves(tmp_path / "x", train=40, test=4))
    assert choose_run_recipe(RunOptions(), selection, None).recipe == "small"


def test_a_large_input_is_refused_where_the_small_recipe_is_chosen(tmp_path: Path) -> None:
    selection = select(write_halves(tmp_path / "x", train=40, test=4))
    with pytest.raises(Refused, match="must not exceed 96"):
        choose_preprocessing(RunOptions(image_size=200), SMALL, selection)


def test_many_pictures_get_more_epochs_and_are_erased_in_part_unless_something_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.recipe_choice.MANY_PICTURES", 80)
    monkeypatch.setattr("tasks.recipe_choice.STEPS_WANTED", 1)
    selection = select(write_halves(tmp_path / "halves", train=200, test=10))
    classifier = create_classifier(slug="halves")
    chosen = choose_settings(read_options({}), SMALL, classifier, selection)
    assert (chosen.epochs, chosen.erase_share) == (16, 0.25)
    said = choose_settings(read_options({"epochs": 3, "erase_share": 0.0}), SMALL, classifier, selection)
    assert (said.epochs, said.erase_share) == (3, 0.0)
