"""Where the model that every installation starts with lies. It is data made by `ml.training`; see its README."""

from pathlib import Path

STARTER_CLASSIFIER = "fashion"


def starter_folder() -> Path:
    """The artifact of the starter model, ready for `LoadedModel.load` and for the object storage."""
    return Path(__file__).parent / "starter" / STARTER_CLASSIFIER
