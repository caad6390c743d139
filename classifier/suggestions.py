"""What visitors say about their own images: kept for the reviewers, never an example by itself."""

from __future__ import annotations

from django.db import IntegrityError

from classifier.errors import Refused
from classifier.models import Image, Label, Suggestion
from classifier.write_transactions import write_transaction


def suggest_label(*, image: Image, owner_key: str, label_name: str) -> Suggestion:
    """Keep the owner's newest word; an earlier open one of theirs on the same image is replaced.

    Raises Refused for a label the classifier does not have.
    """
    label = Label.objects.filter(classifier_id=image.classifier_id, name=label_name).first()
    if label is None:
        raise Refused("malformed_request", f"This classifier has no label “{label_name}”.")
    try:
        return _store(image, owner_key, label)
    except IntegrityError:  # the same visitor said something in another window between our look and our write
        return _store(image, owner_key, label)


def _store(image: Image, owner_key: str, label: Label) -> Suggestion:
    with write_transaction():
        suggestion = Suggestion.objects.filter(image=image, owner=owner_key, handled_at__isnull=True).first()
        if suggestion is None:
            return Suggestion.objects.create(
                image=image, classifier_id=image.classifier_id, owner=owner_key, label=label
            )
        suggestion.label = label
        suggestion.save(update_fields=["label"])
        return suggestion
