"""What the form that starts a training offers: each classifier with its pictures, and why it cannot be trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from classifier.models import Classifier, Dataset
from classifier.training_readiness import reasons_against_training, training_warnings
from classifier.training_runs import find_run
from webapp.access import may_train
from webapp.training_form import TrainingForm, values_of_run

NOT_YOURS: Final = "You may look at trainings but not start them. Ask the person who runs this site for the right."
NO_CLASSIFIER: Final = "There is no classifier yet. Import labelled pictures first."


@dataclass(frozen=True, slots=True)
class DatasetChoice:
    dataset: Dataset
    is_checked: bool


@dataclass(frozen=True, slots=True)
class ClassifierChoice:
    """`reason` is empty where a training can be asked for."""

    classifier: Classifier
    is_chosen: bool
    reason: str
    datasets: list[DatasetChoice]


class TrainingChoices:
    """The classifiers and datasets of the site, read once a request."""

    def __init__(self) -> None:
        self.classifiers = list(Classifier.objects.order_by("-is_default", "name"))
        self.reasons = reasons_against_training(self.classifiers)
        self.datasets = list(Dataset.objects.order_by("created_at").defer("shards", "rejected", "labels"))

    def initial(self, request: HttpRequest) -> dict[str, Any]:
        """All datasets of the classifier in the address; or an earlier run's choices, to change one thing and press."""
        initial: dict[str, Any] = {"datasets": [str(dataset.pk) for dataset in self.datasets]}
        asked = request.GET.get("classifier", "")
        if again := request.GET.get("again"):
            run = find_run(again)
            asked, earlier = run.classifier.slug, values_of_run(run)
            others = [str(dataset.pk) for dataset in self.datasets if dataset.classifier_id != run.classifier_id]
            initial |= earlier | {"datasets": [*earlier["datasets"], *others]}
        return initial | {"classifier": asked if asked in self._slugs() else next(iter(self._slugs()), "")}

    def _slugs(self) -> list[str]:
        """Those that can be trained come first."""
        ordered = sorted(self.classifiers, key=lambda classifier: self.reasons[classifier.pk] is not None)
        return [classifier.slug for classifier in ordered]

    def context(self, request: HttpRequest, form: TrainingForm) -> dict[str, Any]:
        """For the template: the choices, and what stands beside the button."""
        chosen_slug, checked = form["classifier"].value(), set(form["datasets"].value() or [])
        choices = [
            ClassifierChoice(
                classifier=each,
                is_chosen=each.slug == chosen_slug,
                reason=self.reasons[each.pk] or "",
                datasets=[
                    DatasetChoice(dataset, str(dataset.pk) in checked)
                    for dataset in self.datasets
                    if dataset.classifier_id == each.pk
                ],
            )
            for each in self.classifiers
        ]
        chosen = next((choice for choice in choices if choice.is_chosen), None)
        hindrance = _why_nobody(request, choices)
        return {
            "choices": choices,
            "hindrance": hindrance,
            "reason": hindrance or (chosen.reason if chosen else ""),
            "warnings": training_warnings(chosen.classifier) if chosen else [],
        }


def _why_nobody(request: HttpRequest, choices: list[ClassifierChoice]) -> str:
    """Why the button is of no use whatever is chosen."""
    if not may_train(request.user):
        return NOT_YOURS
    return "" if choices else NO_CLASSIFIER
