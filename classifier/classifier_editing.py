"""Making a classifier, and what people change of one: its name, target precision, whether pictures may be mirrored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import IntegrityError
from django.utils.text import slugify

from classifier.classifiers import insert_classifier
from classifier.dataset_layouts import LONGEST_LABEL, clean_label
from classifier.errors import Conflict, Refused
from classifier.models import Classifier
from classifier.training_schedule import set_gate, set_schedule
from classifier.write_transactions import write_transaction

LOWEST_TARGET: Final = 0.5
HIGHEST_TARGET: Final = 0.999
MOST_LABELS: Final = 10_000


def clean_classifier_name(name: str) -> str:
    """Raises Refused where nothing could be shown."""
    cleaned = " ".join(name.split())
    if not cleaned or not cleaned.isprintable() or len(cleaned) > 120:
        raise Refused("malformed_request", "A classifier's name has 1 to 120 visible characters.")
    return cleaned


def slug_of_new_classifier(name: str) -> str:
    """The address part that a new classifier of this name gets. Raises Refused, Conflict where it is taken."""
    slug = slugify(clean_classifier_name(name))[:60].strip("-_")
    if not slug:
        raise Refused("malformed_request", "The name makes the classifier's address: use some letters a-z or digits.")
    if Classifier.objects.filter(slug=slug).exists():
        raise Conflict(f"There is a classifier at the address “{slug}” already. Import there, or choose another name.")
    return slug


def make_classifier(*, name: str, labels: Sequence[str] = ()) -> Classifier:
    """A new one without pictures; its address follows from the name. Raises Refused, Conflict where it is taken."""
    cleaned = clean_labels(labels)
    slug = slug_of_new_classifier(name)
    try:
        return insert_classifier(slug=slug, name=clean_classifier_name(name), labels=cleaned)
    except IntegrityError as problem:
        raise Conflict(f"There is a classifier at the address “{slug}” already. Choose another name.") from problem


def clean_labels(labels: Sequence[str]) -> list[str]:
    """As they are kept. Raises Refused for what can be no label, and for two that differ in capitals only."""
    cleaned = [clean_label(label) for label in labels]
    if not all(cleaned) or any(len(label) > LONGEST_LABEL for label in cleaned):
        raise Refused("malformed_request", f"A label has 1 to {LONGEST_LABEL} visible characters.")
    if len({label.casefold() for label in cleaned}) < len(cleaned):
        raise Refused("malformed_request", "Each label is named once, however it is capitalised.")
    if len(cleaned) > MOST_LABELS:
        raise Refused("malformed_request", f"A classifier has at most {MOST_LABELS:,} labels.")
    return cleaned


def rename_classifier(classifier: Classifier, *, name: str) -> None:
    """The name people see; the address stays. Raises Refused."""
    cleaned = clean_classifier_name(name)
    with write_transaction():
        Classifier.objects.filter(pk=classifier.pk).update(name=cleaned)


def set_target_precision(classifier: Classifier, *, target: float) -> None:
    """How often a sure answer must be right; counts from the next training on. Raises Refused."""
    if not LOWEST_TARGET <= target <= HIGHEST_TARGET:
        raise Refused("malformed_request", "The wished precision lies between 50 % and 99.9 %.")
    with write_transaction():
        Classifier.objects.filter(pk=classifier.pk).update(target_precision=round(target, 4))


def set_mirroring(classifier: Classifier, *, left_right_differ: bool) -> None:
    """Whether left and right mean something in these pictures; counts from the next training on."""
    with write_transaction():
        Classifier.objects.filter(pk=classifier.pk).update(left_right_differ=left_right_differ)


def edit_classifier(classifier: Classifier, *, changes: Mapping[str, Any]) -> None:
    """What is named, all or nothing; the words are those of its columns. None means never for the schedule, and no
    change elsewhere. Raises Refused.
    """
    said = {name: value for name, value in changes.items() if value is not None}
    with write_transaction():
        if "name" in said:
            rename_classifier(classifier, name=said["name"])
        if "target_precision" in said:
            set_target_precision(classifier, target=said["target_precision"])
        if "left_right_differ" in said:
            set_mirroring(classifier, left_right_differ=said["left_right_differ"])
        if changes.keys() & {"train_every_hours", "train_after_examples"}:
            set_schedule(
                classifier,
                every_hours=changes.get("train_every_hours", classifier.train_every_hours),
                after_examples=changes.get("train_after_examples", classifier.train_after_examples),
            )
        if said.keys() & {"gate_policy", "gate_margin"}:
            set_gate(
                classifier,
                policy=said.get("gate_policy", classifier.gate_policy),
                margin=said.get("gate_margin", classifier.gate_margin),
            )
