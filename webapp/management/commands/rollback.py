"""`manage.py rollback`: back to the version that was live before."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from classifier.classifiers import find_classifier
from classifier.model_registry import roll_back
from webapp.management.sentence_command import SentenceCommand


class Command(SentenceCommand):
    """One step back in the history of live versions."""

    help = "Makes the version live again that was live before the present one. Workers swap between batches."
    example = "manage.py rollback fashion"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the classifier."""
        parser.add_argument("slug", help="the classifier")

    def handle(self, *args: Any, **options: Any) -> None:
        """Roll back and say to what."""
        version = roll_back(classifier=find_classifier(options["slug"]))
        self.stdout.write(f"v{version.number} of {options['slug']} is live again.")
