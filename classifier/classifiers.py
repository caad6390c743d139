"""Finding and making classifiers and their labels."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, connection
from django.db.models import Max
from django.utils.text import slugify

from classifier.dataset_layouts import LONGEST_LABEL, clean_label
from classifier.errors import Conflict, NotFound, Refused
from classifier.models import Classifier, Label
from classifier.prepared_queries import PreparedQuery
from classifier.write_transactions import write_transaction

_COLUMNS = [field.attname for field in Classifier._meta.concrete_fields]
# Every upload asks this.
_default_classifier = PreparedQuery(
    lambda: Classifier.objects.order_by("-is_default", "created_at").values_list(*_COLUMNS)[:1]
)


def find_classifier(slug: str | None) -> Classifier:
    """The named classifier, or the site's default (the only one, if none is marked). Raises NotFound."""
    if slug:
        found = None if "\x00" in slug else Classifier.objects.filter(slug=slug).first()
        if found is None:
            raise NotFound(f"There is no classifier “{slug}”.")
        return found
    rows = _default_classifier.rows()
    if not rows:
        raise NotFound("There is no classifier yet. Import labelled pictures first: manage.py import_images.")
    return Classifier.from_db(connection.alias, _COLUMNS, rows[0])


def create_classifier(*, slug: str, name: str = "", labels: Sequence[str] = ()) -> Classifier:
    """A classifier with its labels in the given order; the existing one when the slug is taken.

    The first one made is the site's default.
    """
    cleaned = slugify(slug)
    known = Classifier.objects.filter(slug=cleaned).first()
    if known is not None:
        return known
    try:
        return insert_classifier(slug=cleaned, name=name or slug, labels=labels)
    except IntegrityError:
        return Classifier.objects.get(slug=cleaned)


def insert_classifier(*, slug: str, name: str, labels: Sequence[str]) -> Classifier:
    """A new row with its labels; the first one made is the site's default. Raises IntegrityError for a taken slug."""
    with write_transaction():
        is_first = not Classifier.objects.filter(is_default=True).exists()
        classifier = Classifier.objects.create(slug=slug, name=name, is_default=is_first)
        _append_labels(classifier, labels)
        return classifier


def ensure_labels(classifier: Classifier, names: Sequence[str]) -> dict[str, Label]:
    """The classifier's labels by name, new ones added behind the existing ones."""
    with write_transaction():
        Classifier.objects.select_for_update().get(pk=classifier.pk)
        known = set(classifier.labels.values_list("name", flat=True))
        _append_labels(classifier, [name for name in names if name not in known])
    return {label.name: label for label in classifier.labels.all()}


def add_label(classifier: Classifier, *, name: str) -> Label:
    """One more label, behind the others for ever; versions trained from now on know it.

    Raises Refused for what can be no label, Conflict where there is one of this name, however it is capitalised.
    """
    cleaned = clean_label(name)
    if not cleaned or len(cleaned) > LONGEST_LABEL:
        raise Refused("malformed_request", f"A label has 1 to {LONGEST_LABEL} visible characters.")
    with write_transaction():
        Classifier.objects.select_for_update().get(pk=classifier.pk)
        names = classifier.labels.values_list("name", flat=True)
        taken = next((known for known in names if known.casefold() == cleaned.casefold()), None)
        if taken is not None:
            raise Conflict(f"There is a label “{taken}” already.")
        _append_labels(classifier, [cleaned])
        return classifier.labels.get(name=cleaned)


def _append_labels(classifier: Classifier, names: Sequence[str]) -> None:
    last = classifier.labels.aggregate(last=Max("position"))["last"]
    first = 0 if last is None else last + 1
    Label.objects.bulk_create(
        Label(classifier=classifier, name=name, position=first + offset) for offset, name in enumerate(names)
    )
