"""Settings and descriptions refuse nonsense with a sentence."""

import numpy as np
import pytest

from ml.data_types import LabelledImages, Progress
from ml.errors import MlError
from ml.preprocessing import Preprocessing
from ml.training_settings import TrainingSettings


def test_settings_come_back_from_their_dictionary() -> None:
    settings = TrainingSettings(epochs=3, erase_share=0.25)
    assert TrainingSettings.from_dict(settings.to_dict()) == settings


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epoch": 3}, "Unknown training setting.*epoch"),
        ({"epochs": "three"}, "epochs must be int"),
        ({"epochs": 0}, "epochs must lie between"),
        ({"erase_share": 1.5}, "erase_share must lie between"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(MlError, match=sentence):
        TrainingSettings.from_dict(values)


def test_a_whole_number_serves_where_a_fraction_is_meant() -> None:
    assert TrainingSettings.from_dict({"erase_share": 1}).erase_share == 1


@pytest.mark.parametrize(
    "values",
    [
        {"name": "unheard_of", "height": 8, "width": 8, "channels": 1},
        {"name": "scale_0_1", "height": 8, "width": 8, "channels": 1},
        {"name": "scale_0_1", "height": 0, "width": 8, "channels": 3},
        {"name": "scale_0_1"},
    ],
)
def test_a_preprocessing_that_cannot_be_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(MlError):
        Preprocessing.from_dict(values)


def test_labels_must_fit_their_pictures() -> None:
    with pytest.raises(MlError, match="do not fit"):
        LabelledImages(np.zeros((3, 8, 8, 1), np.uint8), np.zeros(2, np.int32))


def test_progress_knows_its_share_and_the_time_left() -> None:
    progress = Progress(
        epoch=1, epochs=4, step=5, steps_per_epoch=10, loss=1, accuracy=0, learning_rate=0, elapsed_seconds=30
    )
    assert progress.share_done == 0.375
    assert progress.remaining_seconds == pytest.approx(50)
