"""Finding and claiming work walks the partial indexes of what is open, however many predictions have ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from classifier.models import Prediction
from classifier.models.prediction import OPEN
from classifier.prediction_requests import request_prediction
from classifier.predictions import claim_batch, find_work, oldest_open_age_seconds
from tests.row_makers import MakeImages

pytestmark = pytest.mark.django_db


def claim() -> None:
    work = find_work()
    assert work is not None
    claim_batch(work=work, worker="w1", limit=8)


QUESTIONS: dict[str, Callable[[], object]] = {
    "finding work": find_work,
    "claiming": claim,
    "the age of the oldest": oldest_open_age_seconds,
    "counting what is open": Prediction.objects.filter(OPEN).count,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_about_open_predictions_walks_the_whole_table(question: str, make_images: MakeImages) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL plans by the size of the table, which is tiny here")
    make_images(3)
    plans = [line for statement in statements_of(QUESTIONS[question]) for line in plan(*statement)]
    reading = [line for line in plans if "classifier_prediction" in line]
    assert reading
    assert not [line for line in reading if line.startswith("SCAN") and "USING INDEX prediction_" not in line]
    assert [line for line in reading if "INDEX prediction_queue" in line or "INDEX prediction_work" in line]


def statements_of(question: Callable[[], object]) -> list[tuple[str, Any]]:
    """What the question sends to the database about predictions."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "UPDATE")) and "classifier_prediction" in sql:
            seen.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        question()
    return seen


def plan(sql: str, parameters: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return [row[3] for row in cursor.fetchall()]


def test_a_prediction_asked_for_again_has_no_end(make_images: MakeImages) -> None:
    [image] = make_images(1)
    Prediction.objects.update(state="failed", done_at=timezone.now())
    assert request_prediction(image=image, wished_version=None, priority=0).done_at is None


def test_the_database_itself_allows_no_end_on_an_open_prediction(make_images: MakeImages) -> None:
    make_images(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Prediction.objects.update(done_at=timezone.now())
