"""A site without workers whose training runs the test drives, and the people who look at it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext

from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

SET_UP = """
from django.contrib.auth.models import Permission, User
from django.test import Client
from classifier.classifiers import create_classifier
from classifier.heartbeats import beat
from classifier.model_registry import register_version
from classifier.models import Classifier, Dataset, TrainingRun
from classifier.promotion_gate import Policy, Verdict
from classifier.promotions import PromotionMode, apply_verdict
from classifier.training_news import tell_progress
from classifier.training_runs import *
from classifier.training_snapshots import take_snapshot

COUNTS = {"train": {"cat": 800, "dog": 240}, "validation": {"cat": 90, "dog": 30}, "holdout": {"cat": 100, "dog": 40}}
RATES = [0.0012, 0.004, 0.0036, 0.0025, 0.001, 0.0002]

def entry(number):
    better = 0.5 ** number
    return {"phase": "training", "epoch": number, "loss": 0.2 + better, "accuracy": 0.97 - better / 2,
            "validation_loss": 0.25 + better, "validation_accuracy": 0.95 - better / 2,
            "learning_rate": RATES[(number - 1) % 6], "elapsed_seconds": 10.0 * number}

def make_classifier(slug, name, counts=COUNTS):
    made = create_classifier(slug=slug, name=name, labels=["cat", "dog"])
    for number, part in enumerate(("Photos of spring", "Photos of autumn")):
        if counts:
            Dataset.objects.create(classifier=made, name=part, digest=f"{slug}-{number}".ljust(64, "0"),
                                   labels=["cat", "dog"], counts=counts, image_count=1300)
    return made

def log_in(rights):
    user = User.objects.create_user("person-%d" % User.objects.count(), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value

def queue(slug, name="", **options):
    classifier = Classifier.objects.get(slug=slug)
    values = {"recipe": "small", "promote": "auto", "policy": "no_harm", "seed": 0, "image_size": None,
              "hyper_parameters": {"epochs": 6}, **options}
    return request_run(classifier=classifier, snapshot=take_snapshot(classifier=classifier), options=values, name=name)

def claim(run_id):
    global mine
    mine = claim_run(run_id=run_id, worker="test")
    describe_data(mine, counts={"counts": COUNTS, "left_out": {"near_holdout": 3, "equal_to_validation": 1}})
    add_log(mine, "12:00:00 recipe small, as asked")

def tell(number, left=170.0):
    noted = {"phase": "training", "share": number / 6, "overall": 0.05 + 0.85 * number / 6, "epoch": number + 1,
             "epochs": 6, "accuracy": entry(number)["validation_accuracy"] if number else None,
             "remaining_seconds": left}
    renew_lease(mine, progress=noted)
    tell_progress(mine.id, noted)

def epochs(first, last):
    for number in range(first, last + 1):
        record_epoch(mine, curves=[entry(each) for each in range(1, number + 1)],
                     line=f"12:0{number}:00 epoch {number}/6, validation {entry(number)['validation_accuracy']:.2%}")
        tell(min(number, 5))

def finish(passed=True):
    run = TrainingRun.objects.get(id=mine.id)
    holdout = {"count": 140, "accuracy": 0.943, "accuracy_low": 0.891, "accuracy_high": 0.971}
    manifest = {"labels": ["cat", "dog"], "recipe": {"recipe": "small", "epochs": 6, "batch_size": 64},
                "preprocessing": {"name": "scale_0_1", "width": 64, "height": 64, "channels": 3}}
    version = register_version(classifier=run.classifier, digest=str(run.id).replace("-", "").ljust(64, "0"),
                               manifest=manifest, metrics={"holdout": holdout}, training_run=run)
    verdict = Verdict(passed, Policy.NO_HARM)
    verdict.reasons.append("12 pictures are newly right and 4 newly wrong.")
    verdict.warnings.append("With 140 holdout pictures a difference of less than 4 points cannot be told from chance.")
    stage = apply_verdict(version=version, verdict=verdict, mode=PromotionMode.AUTO)
    finish_run(mine, outcome=f"v{version.number} is {stage}. {' '.join(verdict.sentences)}")
"""
OWNER = ["view_trainingrun", "add_trainingrun", "change_classifier", "change_modelversion"]


class TrainingSite:
    """`manage.py up --no-worker` with a shell of its own."""

    def __init__(self, site: Site, shell: SiteShell) -> None:
        self.site, self.shell = site, shell
        self.shell.run(SET_UP)

    def run(self, code: str) -> Any:
        return self.shell.run(code)

    def log_in(self, context: BrowserContext, rights: list[str] | None = None) -> None:
        """Somebody who may do everything with trainings, or only what is named."""
        session = self.run(f"answer = log_in({rights or OWNER!r})")
        context.add_cookies([{"name": "sessionid", "value": session, "url": self.site.address}])
