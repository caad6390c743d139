"""How long a run goes on: patience and time budget, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ml.courses import Course


class Clock:
    """Stands still until it is told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def run_epochs(course: Course, clock: Clock, seconds: list[float], losses: list[float] | None = None) -> list[str]:
    """What was said after each epoch, until the course is over."""
    said = []
    for epoch, taken in enumerate(seconds, start=1):
        clock.now += taken
        said.append(course.end_epoch(epoch, losses[epoch - 1] if losses else 1.0 / epoch))
        if epoch >= course.planned_epochs:
            break
    return said


def make_course(clock: Clock, **values: Any) -> Course:
    return Course(**{"epochs": 10, "patience_epochs": 0, "budget_minutes": 0.0, "clock": clock, **values})


def test_without_limits_all_epochs_are_run_and_nothing_is_said() -> None:
    clock = Clock()
    course = make_course(clock)
    assert run_epochs(course, clock, [500.0] * 10) == [""] * 10
    assert course.planned_epochs == 10


def test_patience_ends_the_run_and_names_the_best_epoch() -> None:
    clock = Clock()
    course = make_course(clock, patience_epochs=3)
    said = run_epochs(course, clock, [1.0] * 10, [0.9, 0.5, 0.6, 0.6, 0.6, 0.1])
    assert len(said) == course.planned_epochs == 5
    assert course.best_epoch == 2
    assert said[-1] == "Stopped after epoch 5: no better validation loss since epoch 2, whose weights are kept."


def test_patience_says_nothing_at_the_end_of_the_wished_epochs() -> None:
    clock = Clock()
    course = make_course(clock, epochs=4, patience_epochs=3)
    assert run_epochs(course, clock, [1.0] * 4, [0.5, 0.6, 0.6, 0.6]) == [""] * 4


def test_a_first_loss_that_is_never_beaten_counts_as_epoch_0() -> None:
    clock = Clock()
    course = make_course(clock, patience_epochs=2, first_loss=0.1)
    run_epochs(course, clock, [1.0] * 10)
    assert (course.best_epoch, course.planned_epochs) == (0, 2)


def test_a_budget_too_small_for_the_wished_epochs_shortens_the_run_after_the_first() -> None:
    clock = Clock()
    course = make_course(clock, budget_minutes=5)
    said = run_epochs(course, clock, [60.0] * 10)
    assert course.planned_epochs == 4
    assert clock.now - 100 <= 300
    assert said[0].startswith("The time budget of 5 minutes allows 4 of 10 epochs at 60.0 s each")
    assert said[1:] == ["", "", ""]


def test_a_budget_that_suffices_changes_nothing() -> None:
    clock = Clock()
    course = make_course(clock, budget_minutes=11)
    assert run_epochs(course, clock, [60.0] * 10) == [""] * 10


def test_epochs_that_become_slower_shorten_the_run_again_and_it_still_ends_in_time() -> None:
    clock = Clock()
    course = make_course(clock, budget_minutes=10)
    run_epochs(course, clock, [50.0, 50.0, 50.0, *[120.0] * 7])
    assert clock.now - 100 <= 600
    assert course.planned_epochs < 10


def test_quick_later_epochs_never_make_the_run_longer() -> None:
    clock = Clock()
    course = make_course(clock, budget_minutes=5)
    assert len(run_epochs(course, clock, [60.0, *[1.0] * 9])) == 4


def test_a_first_epoch_beyond_the_budget_is_the_only_one() -> None:
    clock = Clock()
    course = make_course(clock, budget_minutes=1)
    assert len(run_epochs(course, clock, [90.0] * 10)) == 1


def test_time_spent_before_counts() -> None:
    clock = Clock()
    course = make_course(clock, budget_minutes=5, spent_seconds=120)
    run_epochs(course, clock, [60.0] * 10)
    assert course.planned_epochs == 2


@pytest.mark.parametrize("options", [{"patience_epochs": 2}, {"budget_minutes": 5}])
def test_its_numbers_carry_every_decision_into_a_resumed_run(options: dict[str, Any]) -> None:
    clock = Clock()
    first = make_course(clock, **options)
    run_epochs(first, clock, [60.0] * 10, [0.5] * 10)
    clock.now += 1e6
    second = make_course(clock, **options)
    np.copyto(second.numbers, first.numbers)
    assert (second.planned_epochs, second.best_epoch) == (first.planned_epochs, first.best_epoch)
