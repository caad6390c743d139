"""What people change of a classifier on its page: its name, its target precision, whether pictures may be mirrored."""

from __future__ import annotations

from typing import Final

from django.utils.text import slugify

from classifier.errors import Conflict, Refused
from classifier.models import Classifier
from classifier.write_transactions import write_transaction

LOWEST_TARGET: Final = 0.5
HIGHEST_TARGET: Final = 0.999


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
