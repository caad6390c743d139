"""Rows of trainings, and the people who look at them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.model_registry import register_version
from classifier.models import Classifier, Dataset, ModelVersion, TrainingRun
from classifier.training_runs import ClaimedRun, claim_run, finish_run, request_run
from classifier.training_snapshots import take_snapshot

COUNTS = {"train": {"cat": 80, "dog": 20}, "validation": {"cat": 9, "dog": 3}, "holdout": {"cat": 10, "dog": 4}}
OPTIONS = {"recipe": "small", "promote": "auto", "policy": "no_harm", "seed": 0, "hyper_parameters": {"epochs": 3}}


def trainable_classifier(slug: str = "pets") -> Classifier:
    """With two datasets of cats and dogs."""
    classifier = create_classifier(slug=slug, name=slug.capitalize(), labels=["cat", "dog"])
    for number in ("one", "two"):
        Dataset.objects.create(
            classifier=classifier,
            name=number,
            digest=f"{slug}-{number}",
            labels=["cat", "dog"],
            counts=COUNTS,
            image_count=126,
        )
    return classifier


def queued_run(classifier: Classifier, **facts: Any) -> TrainingRun:
    """As the verbs make it."""
    return request_run(
        classifier=classifier, snapshot=take_snapshot(classifier=classifier), options={**OPTIONS, **facts}
    )


def claimed(run: TrainingRun) -> ClaimedRun:
    found = claim_run(run_id=run.id, worker="test")
    assert found
    return found


def finished_run(classifier: Classifier) -> ModelVersion:
    """A run that made v1, with figures and a verdict."""
    run = queued_run(classifier)
    mine = claimed(run)
    holdout = {"count": 14, "accuracy": 0.9286, "accuracy_low": 0.685, "accuracy_high": 0.987}
    version = register_version(
        classifier=classifier,
        digest="a" * 64,
        manifest={"labels": ["cat", "dog"], "recipe": {"recipe": "small", "batch_size": 16}},
        metrics={"holdout": holdout},
        training_run=run,
    )
    version.verdict = {"passed": True, "sentences": ["It beats “always cat” clearly."]}
    version.save(update_fields=["verdict"])
    finish_run(mine, outcome="v1 is live. It beats “always cat” clearly.")
    return version


def person(*rights: str) -> Client:
    """Logged in, on the staff, with these rights."""
    user = User.objects.create_user(f"person-{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def looker() -> Client:
    return person("view_trainingrun")


def owner() -> Client:
    return person("view_trainingrun", "add_trainingrun")
