"""Beat's entry: what is due is queued once, or not with a reason; nobody's trouble is another's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from classifier.classifiers import create_classifier
from classifier.models import Classifier, Dataset, ModelVersion, TrainingRun
from classifier.training_schedule import describe_moment, due_classifiers, set_gate
from tasks import scheduling
from tasks.celery_app import app
from tasks.schedule import BEAT_SCHEDULE
from tasks.scheduling import choose_options, start_due_trainings
from tasks.training_options import read_options
from tasks.training_requests import request_training

pytestmark = pytest.mark.django_db
State = TrainingRun.State


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that the train workers were rung for."""
    heard: list[str] = []
    monkeypatch.setattr(scheduling, "ring_by_name", lambda task, arguments, queue: heard.extend(arguments))
    return heard


def make_due(slug: str, **fields: Any) -> Classifier:
    """A classifier with one dataset whose daily training was due a minute ago."""
    classifier = create_classifier(slug=slug, labels=["cat", "dog"])
    Dataset.objects.create(
        classifier=classifier, name="one", digest=f"{slug:0>64}", labels=["cat", "dog"], image_count=20
    )
    make_due_again(classifier, **fields)
    return classifier


def make_due_again(classifier: Classifier, **fields: Any) -> None:
    fields = {"train_every_hours": 24, "next_training_at": timezone.now() - timedelta(minutes=1), **fields}
    Classifier.objects.filter(pk=classifier.pk).update(**fields)


def outcome(slug: str = "pets") -> str:
    return Classifier.objects.get(slug=slug).schedule_outcome


def finish(run: TrainingRun, number: int = 1) -> ModelVersion:
    """As if it had been trained and had gone live."""
    TrainingRun.objects.filter(id=run.id).update(state=State.DONE)
    version = ModelVersion.objects.create(
        classifier=run.classifier, number=number, digest=f"{number:064d}", training_run=run, stage="live"
    )
    Classifier.objects.filter(pk=run.classifier_id).update(live_version=version)
    return version


def test_a_due_training_is_queued_and_the_train_workers_are_rung(bells: list[str]) -> None:
    make_due("pets")
    start_due_trainings()
    run = TrainingRun.objects.get()
    assert (run.state, run.source, run.requested_by) == (State.QUEUED, "schedule", None)
    assert bells == [str(run.id)]
    assert outcome() == "Queued a training."
    checked = Classifier.objects.get().schedule_checked_at
    assert checked is not None
    assert timezone.now() - checked < timedelta(minutes=1)


def test_the_message_twice_starts_one_training(bells: list[str]) -> None:
    make_due("pets")
    start_due_trainings()
    TrainingRun.objects.update(state=State.FAILED)
    start_due_trainings()
    assert TrainingRun.objects.count() == len(bells) == 1


def test_a_week_without_workers_is_one_training() -> None:
    make_due("pets", train_every_hours=1, next_training_at=timezone.now() - timedelta(days=7))
    for _ in range(3):
        start_due_trainings()
        TrainingRun.objects.update(state=State.FAILED)
    assert TrainingRun.objects.count() == 1


def test_unchanged_data_is_not_trained_again_and_that_is_said(bells: list[str]) -> None:
    pets = make_due("pets")
    finish(request_training(slug="pets", options=read_options({"epochs": 3})), number=4)
    start_due_trainings()
    assert outcome() == "Nothing new to learn since v4."
    assert (TrainingRun.objects.count(), bells) == (1, [])
    Dataset.objects.create(classifier=pets, name="more", digest="2" * 64, labels=["cat", "dog"], image_count=5)
    make_due_again(pets)
    start_due_trainings()
    assert outcome() == "Queued a training."


def test_new_pictures_start_a_training_without_a_clock() -> None:
    make_due("pets", train_every_hours=None, next_training_at=None, train_after_examples=20)
    start_due_trainings()
    assert TrainingRun.objects.get().source == "schedule"


def test_a_running_training_is_left_alone(bells: list[str]) -> None:
    make_due("pets")
    request_training(slug="pets", options=read_options({}))
    start_due_trainings()
    row = Classifier.objects.get()
    assert row.next_training_at is not None
    assert outcome() == f"A training was running already; next try at {describe_moment(row.next_training_at)}."
    assert (TrainingRun.objects.count(), bells) == (1, [])


def test_nothing_to_train_on_is_said_with_the_next_step() -> None:
    pets = make_due("pets")
    Dataset.objects.filter(classifier=pets).delete()
    start_due_trainings()
    assert outcome().startswith("There is nothing to train on: Classifier pets has no pictures yet. Import some")


def test_one_classifiers_trouble_is_its_outcome_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("ants", "bees", "cows"):
        make_due(slug)

    def break_for_bees(classifier: Classifier) -> Any:
        if classifier.slug == "bees":
            raise ZeroDivisionError("division by zero")
        return read_options({})

    monkeypatch.setattr(scheduling, "choose_options", break_for_bees)
    start_due_trainings()
    assert outcome("ants") == outcome("cows") == "Queued a training."
    assert outcome("bees").startswith("The training could not be started (ZeroDivisionError: division by zero); next")
    assert not due_classifiers(timezone.now())


def test_a_worker_that_dies_between_claim_and_run_leaves_the_training_due(monkeypatch: pytest.MonkeyPatch) -> None:
    make_due("pets")

    def die(**options: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(scheduling, "request_training", die)
        with pytest.raises(KeyboardInterrupt):
            start_due_trainings()
    start_due_trainings()
    assert TrainingRun.objects.get().state == State.QUEUED


def test_a_database_that_is_away_costs_a_minute_and_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    make_due("pets")

    def fail(*arguments: Any) -> Any:
        raise DatabaseError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(scheduling, "claim_due", fail)
        start_due_trainings()
    start_due_trainings()
    assert outcome() == "Queued a training."


def test_the_recipe_of_the_live_version_is_used_again_on_all_datasets() -> None:
    pets = make_due("pets")
    said = {"epochs": 3, "recipe": "small", "seed": 5, "datasets": ["one"], "promote": "never", "policy": "better"}
    finish(request_training(slug="pets", options=read_options(said)))
    pets.refresh_from_db()
    options = choose_options(pets)
    assert (options.recipe, options.seed, options.hyper_parameters) == ("small", 5, {"epochs": 3})
    assert (options.datasets, options.promote, options.policy) == ([], "auto", None)


def test_settings_that_are_not_understood_any_more_are_said() -> None:
    pets = make_due("pets")
    version = finish(request_training(slug="pets", options=read_options({})), number=2)
    TrainingRun.objects.filter(model_version=version).update(settings={"hyper_parameters": {"gone": 1}})
    make_due_again(pets)
    start_due_trainings()
    assert outcome().startswith("The settings of v2 do not fit any more: Unknown setting(s): gone.")


def test_who_names_no_policy_gets_the_classifiers_whatever_the_door() -> None:
    pets = make_due("pets")
    set_gate(pets, policy="not_worse", margin=0.03)
    start_due_trainings()
    stored = TrainingRun.objects.get().settings
    assert (stored["policy"], stored["margin"]) == ("not_worse", 0.03)
    TrainingRun.objects.update(state=State.FAILED)
    stored = request_training(slug="pets", options=read_options({"policy": "better"})).settings
    assert (stored["policy"], stored["margin"]) == ("better", 0.03)


def test_beat_sends_it_every_minute_and_lets_no_message_wait_for_the_next() -> None:
    entry = BEAT_SCHEDULE["start-due-trainings"]
    assert entry["schedule"] == 60
    assert entry["options"]["expires"] < 60
    assert entry["task"] == start_due_trainings.name
    assert "tasks.scheduling" in app.conf.include
