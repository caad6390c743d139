"""`manage.py promote`: one version becomes the live one, by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from classifier.classifiers import find_classifier
from classifier.model_registry import promote
from classifier.promotions import find_model_version
from webapp.management.sentence_command import SentenceCommand


class Command(SentenceCommand):
    """Proves that the version loads, then makes it live in one transaction."""

    help = (
        "Makes a version the one that answers, after a trial that it loads and answers. Workers swap between batches."
    )
    example = "manage.py promote fashion 3"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare classifier and version."""
        parser.add_argument("slug", help="the classifier")
        parser.add_argument("version", help="the version's number or id")
        parser.add_argument("--reason", default="promoted by hand", help="kept in the history")

    def handle(self, *args: Any, **options: Any) -> None:
        """Promote and say what it replaced."""
        # TensorFlow stays out of the web process, which lists the commands.
        from tasks.evaluating import load_version

        version = find_model_version(classifier=find_classifier(options["slug"]), name=options["version"])
        load_version(version)
        previous = promote(version=version, reason=options["reason"])
        if previous is not None and previous.pk == version.pk:
            self.stdout.write(f"v{version.number} is live already.")
            return
        instead = f" instead of v{previous.number}" if previous else ""
        self.stdout.write(f"v{version.number} of {options['slug']} is live{instead}.")
