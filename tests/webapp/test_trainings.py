"""`/training/`: the form that starts a training, and the list of runs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from classifier.classifiers import create_classifier
from classifier.heartbeats import beat
from classifier.models import Classifier, Dataset, TrainingRun
from classifier.training_readiness import IN_TRAINING, NO_PICTURES, NO_WORKER, SHARED_PROCESSOR
from classifier.training_runs import fail_run, renew_lease
from tests.webapp.training_rows import claimed, finished_run, looker, owner, queued_run, trainable_classifier
from webapp.training_choices import NO_CLASSIFIER, NOT_YOURS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]
ADDRESS = "/training/"


@pytest.fixture
def pets() -> Classifier:
    return trainable_classifier()


def filled(classifier: Classifier, /, **changes: Any) -> dict[str, Any]:
    """What a browser sends of an untouched form."""
    datasets = [str(dataset.pk) for dataset in Dataset.objects.filter(classifier=classifier)]
    return {
        "classifier": classifier.slug,
        "datasets": datasets,
        "name": "Tuesday",
        "recipe": "auto",
        "backbone": "",
        "head": "",
        "promote": "auto",
        "policy": "",
        **dict.fromkeys(("epochs", "batch_size", "image_size", "seed"), ""),
        **changes,
    }


def test_pressing_queues_a_run_and_leads_to_it(
    pets: Classifier, rung: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = owner().post(ADDRESS, filled(pets))
    run = TrainingRun.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, reverse("training", args=[run.pk]))
    assert (run.name, run.state, run.source) == ("Tuesday", "queued", "page")
    assert run.requested_by == User.objects.get()
    assert run.settings["datasets"] == []
    assert rung == [("train", [str(run.pk)])]


def test_what_was_said_reaches_the_run(pets: Classifier) -> None:
    [first, _] = Dataset.objects.order_by("name")
    said = {"recipe": "transfer", "backbone": "vgg16", "head": "256, 128", "epochs": "7", "image_size": "96"}
    owner().post(ADDRESS, filled(pets, datasets=[str(first.pk)], promote="never", policy="better", **said))
    settings = TrainingRun.objects.get().settings
    assert settings["datasets"] == ["one"]
    assert (settings["promote"], settings["policy"], settings["image_size"]) == ("never", "better", 96)
    assert settings["hyper_parameters"] == {"backbone": "vgg16", "head": [256, 128], "epochs": 7}


def test_datasets_of_other_classifiers_do_not_count(pets: Classifier) -> None:
    trainable_classifier("birds")
    everything = [str(dataset.pk) for dataset in Dataset.objects.all()]
    assert owner().post(ADDRESS, filled(pets, datasets=everything)).status_code == 303
    assert [entry["name"] for entry in TrainingRun.objects.get().snapshot["datasets"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("epochs", "0", "must lie between 1 and 10000"),
        ("epochs", "three", "a whole number"),
        ("batch_size", "99999999", "must lie between"),
        ("image_size", "5", "must lie between 8 and"),
        ("seed", "-1", "must lie between"),
        ("head", "wide", "widths of the layers as numbers"),
        ("datasets", [], "Choose at least one dataset"),
        ("datasets", ["nonsense"], "not there any more"),
        ("classifier", "gone", "not there any more"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(pets: Classifier, field: str, value: Any, words: str) -> None:
    answer = owner().post(ADDRESS, filled(pets, **{field: value}))
    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors[field])
    assert words in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_a_wrong_value_among_more_settings_is_shown_open(pets: Classifier) -> None:
    assert "<details open>" in owner().post(ADDRESS, filled(pets, epochs="0")).content.decode()
    assert "<details>" in owner().get(ADDRESS).content.decode()


def test_unchanged_data_and_settings_are_said_calmly(pets: Classifier) -> None:
    client = owner()
    client.post(ADDRESS, filled(pets))
    run = TrainingRun.objects.get()
    version = finished_run(trainable_classifier("birds"))
    TrainingRun.objects.filter(pk=run.pk).update(state="done")
    version.training_run = run
    version.save()
    answer = client.post(ADDRESS, filled(pets))
    assert answer.status_code == 200
    assert "Data and settings are those of v1" in answer.content.decode()
    assert "nothing was trained." in answer.content.decode()
    assert TrainingRun.objects.filter(classifier=pets).count() == 1


def test_a_second_run_of_a_classifier_is_refused_in_words(pets: Classifier) -> None:
    queued_run(pets)
    answer = owner().post(ADDRESS, filled(pets, seed="5"))
    assert answer.status_code == 409
    assert "is in training already" in answer.content.decode()


def test_each_classifier_says_why_it_cannot_be_trained(pets: Classifier) -> None:
    queued_run(pets)
    create_classifier(slug="letters", name="Letters")
    page = owner().get(ADDRESS).content.decode()
    assert f"Pets: {IN_TRAINING}" in page
    assert f"Letters: {NO_PICTURES}" in page


def test_what_can_be_trained_is_chosen_first(pets: Classifier) -> None:
    queued_run(pets)
    trainable_classifier("birds")
    client = owner()
    assert client.get(ADDRESS).context["form"]["classifier"].value() == "birds"
    assert client.get(f"{ADDRESS}?classifier=pets").context["form"]["classifier"].value() == "pets"
    assert client.get(f"{ADDRESS}?classifier=nonsense").context["form"]["classifier"].value() == "birds"


def test_all_datasets_are_chosen_by_default(pets: Classifier) -> None:
    assert owner().get(ADDRESS).content.decode().count(" checked") == 2


def test_an_earlier_run_can_be_asked_for_again(pets: Classifier) -> None:
    run = queued_run(pets, recipe="transfer", hyper_parameters={"epochs": 4, "head": [64]})
    form = owner().get(f"{ADDRESS}?again={run.pk}").context["form"]
    assert [form[name].value() for name in ("classifier", "recipe", "epochs", "head")] == ["pets", "transfer", 4, "64"]
    assert "<details open>" in owner().get(f"{ADDRESS}?again={run.pk}").content.decode()
    assert owner().get(f"{ADDRESS}?again=nonsense").status_code == 404


def test_warnings_stand_beside_the_button(pets: Classifier) -> None:
    assert NO_WORKER in owner().get(ADDRESS).content.decode()
    beat(worker="one", queue="train", device="cpu")
    assert SHARED_PROCESSOR in owner().get(ADDRESS).content.decode()


def test_a_site_without_classifiers_says_what_comes_first() -> None:
    page = owner().get(ADDRESS).content.decode()
    assert NO_CLASSIFIER in page
    assert "Nothing has been trained yet" in page


def test_who_may_only_look_sees_why_the_button_is_off(pets: Classifier) -> None:
    client = looker()
    page = client.get(ADDRESS).content.decode()
    assert NOT_YOURS in page
    assert client.post(ADDRESS, filled(pets)).status_code == 404
    assert not TrainingRun.objects.exists()


def test_strangers_find_nothing_and_visitors_log_in(pets: Classifier, client: Client) -> None:
    assert "/login/" in client.get(ADDRESS).headers["Location"]
    client.force_login(User.objects.create_user("stranger"))
    assert client.get(ADDRESS).status_code == 404
    assert client.post(ADDRESS, filled(pets)).status_code == 404


def test_other_methods_are_refused() -> None:
    assert owner().put(ADDRESS).status_code == 405


def test_runs_are_listed_newest_first_with_what_became_of_them(pets: Classifier) -> None:
    version = finished_run(pets)
    failed = queued_run(pets, seed=1)
    fail_run(claimed(failed), reason="The disk is full.")
    running = queued_run(pets, seed=2)
    noted = {"phase": "training", "overall": 0.4, "epoch": 2, "epochs": 3, "accuracy": 0.9, "remaining_seconds": 30}
    renew_lease(claimed(running), progress=noted)
    answer = owner().get(ADDRESS)
    assert [listed.run.pk for listed in answer.context["runs"]] == [running.pk, failed.pk, version.training_run_id]
    page = answer.content.decode().replace("\u00a0", " ")
    assert "Epoch 2 of 3, 90.0 %, about 30 s left" in page
    assert 'value="0.4000"' in page
    assert "The disk is full." in page
    assert "92.9 % on the holdout" in page
    assert answer.context["page_data"]["runs"] == [str(running.pk)]


def test_old_runs_are_a_page_away(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.views.trainings.RUNS_A_PAGE", 2)
    runs = [TrainingRun.objects.create(classifier=pets, state="done", name=f"run {number}") for number in range(3)]
    oldest = min(run.pk for run in runs)
    client = owner()
    first = client.get(ADDRESS)
    second = client.get(f"{ADDRESS}?cursor={first.context['older']}")
    assert [listed.run.pk for listed in second.context["runs"]] == [oldest]
    assert "Newest runs" in second.content.decode()
    assert not second.context["older"]
    assert client.get(f"{ADDRESS}?cursor=!").status_code == 404


def test_the_list_costs_the_same_however_many_runs(pets: Classifier, django_assert_max_num_queries: Any) -> None:
    client = owner()
    for number in range(15):
        TrainingRun.objects.create(classifier=pets, state="failed", name=f"run {number}")
    with django_assert_max_num_queries(16):
        client.get(ADDRESS)
