"""One description of a training run for every reader, and the list of runs."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.classifiers import create_classifier
from classifier.model_registry import register_version
from classifier.models import Classifier, TrainingRun
from classifier.run_lists import list_runs
from classifier.run_presentation import LOG_SHOWN, describe_run, presentable, title_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def pets() -> Classifier:
    return create_classifier(slug="pets", name="Pets", labels=["cat", "dog"])


def described(run: TrainingRun) -> Any:
    return describe_run(presentable(TrainingRun.objects.all()).get(pk=run.pk))


def make_version(run: TrainingRun, metrics: dict[str, Any] | None = None) -> None:
    register_version(
        classifier=run.classifier,
        digest="a" * 64,
        manifest={"labels": ["cat", "dog"]},
        metrics=metrics or {},
        training_run=run,
    )


def test_a_queued_run_knows_what_was_asked_of_it(pets: Classifier) -> None:
    item = described(TrainingRun.objects.create(classifier=pets, settings={"hyper_parameters": {"epochs": 9}}))
    assert (item["state"], item["epoch"], item["epochs"], item["progress"]) == ("queued", None, 9, 0.0)
    assert item["version"] is None


def test_an_ended_run_has_a_version_and_no_progress(pets: Classifier) -> None:
    run = TrainingRun.objects.create(classifier=pets, state="done", outcome="v1 is live.", curves=[{"loss": 1}])
    make_version(run)
    item = described(run)
    assert (item["progress"], item["epoch"], item["outcome"]) == (None, 1, "v1 is live.")
    assert (item["version"]["number"], item["version"]["stage"]) == (1, "candidate")


def test_a_long_log_is_shown_by_its_end(pets: Classifier) -> None:
    item = described(TrainingRun.objects.create(classifier=pets, log="a" * LOG_SHOWN + "end"))
    assert (len(item["log"]), item["log_length"]) == (LOG_SHOWN, LOG_SHOWN + 3)
    assert item["log"].endswith("end")


def test_describing_asks_the_database_once(pets: Classifier, django_assert_num_queries: Any) -> None:
    run = TrainingRun.objects.create(classifier=pets, state="done")
    make_version(run)
    with django_assert_num_queries(1):
        described(run)


def test_a_run_without_a_name_is_called_by_its_classifier_and_hour(pets: Classifier) -> None:
    run = TrainingRun.objects.create(classifier=pets)
    assert title_of(run) == f"Pets, {run.created_at.day} {run.created_at:%b %Y, %H:%M} UTC"
    run.name = "Tuesday"
    assert title_of(run) == "Tuesday"


def test_the_list_has_the_accuracy_of_each_version_in_one_query(
    pets: Classifier, django_assert_num_queries: Any
) -> None:
    measured = TrainingRun.objects.create(classifier=pets, state="done", outcome="v1 is live. Yes.")
    make_version(measured, {"holdout": {"count": 10, "accuracy": 0.9}})
    TrainingRun.objects.create(classifier=pets, progress={"overall": 0.25}, state="running")
    with django_assert_num_queries(1):
        listed, more = list_runs(before=None, limit=10)
    by_state = {each.run.state: each for each in listed}
    assert more is None
    assert (by_state["done"].accuracy, by_state["done"].version_number) == (0.9, 1)
    assert (by_state["done"].sentence, by_state["done"].is_active) == ("v1 is live.", False)
    assert (by_state["running"].accuracy, by_state["running"].progress) == (None, 0.25)


def test_the_list_goes_on_behind_the_last_of_a_page(pets: Classifier) -> None:
    runs = [TrainingRun.objects.create(classifier=pets, state="failed") for _ in range(5)]
    seen = []
    before = None
    while True:
        page, before = list_runs(before=before, limit=2)
        seen += [each.run.pk for each in page]
        if before is None:
            break
    assert seen == sorted((run.pk for run in runs), reverse=True)
