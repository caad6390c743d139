"""A model that an older version trained is loaded by today's code and answers as it did."""

from __future__ import annotations

from pathlib import Path

from ml.golden import check_golden
from ml.inference import LoadedModel

OLDER = Path(__file__).resolve().parents[1] / "older_versions" / "model"


def test_an_artifact_of_format_1_answers_as_in_its_training() -> None:
    model = LoadedModel.load(OLDER)
    assert model.labels == ["upper", "lower"]
    assert check_golden(model, OLDER) == 16
