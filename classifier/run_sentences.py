"""What a training run is doing, in a sentence: for pages, sockets and lists alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from classifier.models import TrainingRun

State = TrainingRun.State
NARROW: Final = "\u00a0"
_PHASES: Final = {
    "fetching": "Fetching the pictures",
    "preparing": "Preparing the pictures",
    "features": "Looking at every picture once",
    "training": "Training",
    "fine_tuning": "Fine-tuning",
    "measuring": "Measuring on the holdout",
}


def run_sentence(run: TrainingRun) -> str:
    """State first; a run that has ended says how."""
    if run.state == State.QUEUED:
        return "Waiting for its turn."
    if run.state == State.RUNNING:
        return "Stopping: the run ends at its next step." if run.cancel_requested else progress_sentence(run.progress)
    if run.state == State.DONE:
        return run.outcome.partition(". ")[0].rstrip(".") + "." if run.outcome else "Done."
    return run.outcome or f"The run is {run.state}."


def progress_sentence(progress: Mapping[str, Any]) -> str:
    """“Epoch 7 of 20, 92.8 %, about 3 min left”, from what the trainer noted of itself."""
    phase = str(progress.get("phase", ""))
    if phase not in _PHASES:
        return "Starting."
    parts = [_PHASES[phase]]
    if epochs := progress.get("epochs"):
        epoch = f"epoch {progress.get('epoch') or 1} of {epochs}"
        parts = [f"Fine-tuning, {epoch}" if phase == "fine_tuning" else epoch.capitalize()]
        if progress.get("accuracy") is not None:
            parts.append(percent(progress["accuracy"]))
    elif progress.get("share"):
        parts.append(percent(progress["share"], digits=0))
    if progress.get("remaining_seconds") is not None:
        parts.append(f"{about(progress['remaining_seconds'])} left")
    return ", ".join(parts)


def percent(share: float, *, digits: int = 1) -> str:
    """0.9284 → “92.8 %”."""
    return f"{100 * share:.{digits}f}{NARROW}%"


def certainty(probability: float) -> str:
    """0.974 → “97 %”; nothing is called certain or impossible."""
    if probability < 0.005:
        return f"<{NARROW}1{NARROW}%"
    if probability > 0.995:
        return f">{NARROW}99{NARROW}%"
    return percent(probability, digits=0)


def about(seconds: float) -> str:
    """A duration as one says it: “about 3 min”."""
    if seconds < 90:
        return f"about {max(5, 5 * round(seconds / 5))}{NARROW}s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)}{NARROW}min"
    return f"about {round(seconds / 3600)}{NARROW}h"
