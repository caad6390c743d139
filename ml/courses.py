"""How long a run goes on: its patience and its time budget. What was decided stands in the run's checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np

RESERVE: Final = 0.05
"""Share of the budget that the first plan leaves free: for calibrating, measuring and writing the model."""
PLANNED, BEST_EPOCH, BEST_LOSS, SPENT, EPOCH_SECONDS = range(5)


class Course:
    """Counts epochs from 1. `numbers` is all it knows: in a checkpoint it makes a resumed run keep to what was decided.

    Time between two parts of a run does not count. The first epoch is always finished; how long it took decides how
    many the budget allows, and later epochs may shorten that further, never lengthen it.
    """

    def __init__(
        self,
        *,
        epochs: int,
        patience_epochs: int,
        budget_minutes: float,
        first_loss: float = np.inf,
        spent_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`first_loss` is that of the weights a run comes with, `spent_seconds` what the budget has lost before."""
        self.epochs, self.patience_epochs, self.budget_seconds = epochs, patience_epochs, 60 * budget_minutes
        self.numbers = np.asarray([epochs, 0, first_loss, spent_seconds, 0], np.float64)
        self.clock = clock
        self.last = clock()

    @property
    def planned_epochs(self) -> int:
        return int(self.numbers[PLANNED])

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss so far; 0 before the first."""
        return int(self.numbers[BEST_EPOCH])

    def end_epoch(self, epochs_done: int, loss: float) -> str:
        """Decide how many epochs there will be; returns a sentence where that changed, else nothing."""
        now = self.clock()
        taken, self.last = now - self.last, now
        self.numbers[SPENT] += taken
        known = self.numbers[EPOCH_SECONDS]
        self.numbers[EPOCH_SECONDS] = taken if epochs_done <= 2 or not known else (known + taken) / 2
        if loss < self.numbers[BEST_LOSS]:
            self.numbers[[BEST_EPOCH, BEST_LOSS]] = epochs_done, loss
        return self._lose_patience(epochs_done) or self._keep_to_budget(epochs_done)

    def _lose_patience(self, epochs_done: int) -> str:
        waited = epochs_done - self.best_epoch
        if not self.patience_epochs or waited < self.patience_epochs or epochs_done >= self.planned_epochs:
            return ""
        self.numbers[PLANNED] = epochs_done
        return (
            f"Stopped after epoch {epochs_done}: no better validation loss since epoch {self.best_epoch}, "
            "whose weights are kept."
        )

    def _keep_to_budget(self, epochs_done: int) -> str:
        if not self.budget_seconds or epochs_done >= self.planned_epochs:
            return ""
        is_first_plan = self.planned_epochs == self.epochs
        left = self.budget_seconds * (1 - RESERVE * is_first_plan) - self.numbers[SPENT]
        seconds = max(self.numbers[EPOCH_SECONDS], 1e-6)
        fitting = epochs_done + max(0, int(left / seconds))
        if fitting >= self.planned_epochs:
            return ""
        self.numbers[PLANNED] = fitting
        return (
            f"The time budget of {self.budget_seconds / 60:g} minutes allows {fitting} of {self.epochs} epochs at "
            f"{seconds:.1f} s each; the learning rate falls within them."
        )
