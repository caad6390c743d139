"""What the classifier's page tells of the audit and of drift, from few rows, whatever the table's length."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from classifier.identifiers import first_id_at
from classifier.live_report import describe_drift, gather_live_report, read_live_report
from classifier.models import AuditDraw, Classifier, Image, Label, Prediction
from classifier.prepared_inserts import insert_rows
from classifier.weekly_answers import ROWS_A_WEEK, WEEKS, read_weeks
from tests.row_makers import make_version

pytestmark = pytest.mark.django_db


def add_answers(classifier: Classifier, label: str, count: int, *, at: datetime, confidence: float = 0.97) -> None:
    """That many answered images, sent at this moment."""
    label_id = Label.objects.get(classifier=classifier, name=label).id
    scores = [0.1] * Label.objects.filter(classifier=classifier).count()
    images, predictions = [], []
    for _ in range(count):
        tail = uuid.uuid4()
        identifier = uuid.UUID(int=first_id_at(at).int | tail.int & ((1 << 80) - 1))
        image = Image(
            id=identifier, classifier=classifier, owner="visitor:x", name="x", sha256=tail.hex * 2, file_sha256="f",
            content=tail.hex * 2, difference_hash=b"0" * 32, storage_key=tail.hex, format="PNG", width=8, height=8,
            original_width=8, original_height=8, size_bytes=9, source="api",
        )  # fmt: skip
        prediction = Prediction(
            image=image, classifier=classifier, state="done", queued_at=at, done_at=at, label_id=label_id,
            model_version_id=classifier.live_version_id, scores=scores, confidence=confidence,
        )  # fmt: skip
        image.current_prediction = prediction
        images.append(image)
        predictions.append(prediction)
    insert_rows(images)
    insert_rows(predictions)


def draw(classifier: Classifier, label: str, answers: dict[str, int]) -> None:
    """Draw that many of the label's answers, each answered so by a reviewer; "" stands for nobody yet."""
    labels = dict(Label.objects.filter(classifier=classifier).values_list("name", "id"))
    version_id = classifier.live_version_id
    assert version_id
    rows = iter(Prediction.objects.filter(label_id=labels[label], audit_draw=None))
    draws = [
        AuditDraw(
            prediction=row, image_id=row.image_id, classifier=classifier, model_version_id=version_id,
            label_id=labels[label], stratum="sure", probability=0.02, drawn_at=timezone.now(),
            answer_id=labels.get(answer), answered_at=timezone.now() if answer else None,
        )
        for answer, count in answers.items()
        for row, _ in zip(rows, range(count), strict=False)
    ]  # fmt: skip
    AuditDraw.objects.bulk_create(draws)


def test_blind_answers_become_figures_by_version_and_label_and_a_confusion(pets: Classifier) -> None:
    now = timezone.now()
    add_answers(pets, "cat", 60, at=now)
    add_answers(pets, "dog", 20, at=now)
    draw(pets, "cat", {"cat": 36, "dog": 4, "": 5})
    draw(pets, "dog", {"dog": 10})
    report = gather_live_report(pets)
    assert report.live
    assert (report.live.drawn, report.live.answered) == (55, 50)
    assert report.live.accuracy == pytest.approx(46 / 50)
    assert [(each.name, each.estimate.answered) for each in report.labels] == [("cat", 40)]
    assert report.labels_waiting == 1
    assert [each.name for each in report.versions] == ["v1"]
    assert report.confusion
    assert (report.confusion.names, report.confusion.table) == (["cat", "dog"], [[36, 0], [4, 10]])
    assert [(each.truth, each.answer, each.count) for each in report.confusion.mistakes] == [("dog", "cat", 4)]


def test_another_versions_draws_do_not_enter_the_live_ones(pets: Classifier) -> None:
    add_answers(pets, "cat", 40, at=timezone.now())
    draw(pets, "cat", {"dog": 40})
    version = make_version(pets, "2" * 64)
    Classifier.objects.filter(pk=pets.pk).update(live_version=version)
    pets.refresh_from_db()
    report = gather_live_report(pets)
    assert report.live
    assert (report.live.drawn, report.live.missing, report.confusion) == (0, 30, None)
    assert [(each.name, each.estimate.accuracy) for each in report.versions] == [("v1", 0.0)]


def test_answers_are_told_by_the_time_in_which_they_were_drawn(pets: Classifier) -> None:
    now = timezone.now()
    add_answers(pets, "cat", 40, at=now)
    draw(pets, "cat", {"cat": 40})
    assert gather_live_report(pets).times == [], "one stretch of time is nothing to compare"
    AuditDraw.objects.update(drawn_at=now - timedelta(days=30))
    add_answers(pets, "cat", 60, at=now)
    draw(pets, "cat", {"cat": 20, "dog": 20})
    newer, older = gather_live_report(pets).times
    assert (newer.estimate.accuracy, older.estimate.accuracy) == (0.5, 1.0)
    assert newer.name.endswith(f" to {now.day} {now:%b}")
    assert older.name.endswith(f" to {(now - timedelta(days=28)).day} {now - timedelta(days=28):%b}")


def test_pictures_count_in_the_week_in_which_they_were_sent(pets: Classifier) -> None:
    now = timezone.now()
    add_answers(pets, "cat", 70, at=now - timedelta(days=10))
    add_answers(pets, "dog", 80, at=now - timedelta(days=2), confidence=0.55)
    weeks = read_weeks(pets, now=now)
    assert [week.count for week in weeks[-3:]] == [0, 70, 80]
    assert weeks[-1].labels == {"dog": 80}
    assert list(weeks[-1].confidences) == ["50 to 60\u00a0%"]
    assert describe_drift(gather_live_report(pets)) == (
        "The mix of answers is different from before; how sure they are is different from before."
    )


def test_a_busy_week_is_sampled_over_its_days(pets: Classifier) -> None:
    now = timezone.now()
    add_answers(pets, "cat", ROWS_A_WEEK, at=now - timedelta(days=1))
    add_answers(pets, "dog", 200, at=now - timedelta(days=5))
    newest = read_weeks(pets, now=now)[-1]
    assert newest.labels == {"cat": ROWS_A_WEEK // 7, "dog": 200}


def test_the_queries_do_not_grow_with_the_rows_and_a_minute_asks_once(
    pets: Classifier, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    cache.clear()
    add_answers(pets, "cat", 300, at=timezone.now())
    draw(pets, "cat", {"cat": 200})
    with django_assert_max_num_queries(2 * WEEKS + 7):
        first = read_live_report(pets)
    with django_assert_max_num_queries(0):
        assert read_live_report(pets) == first
