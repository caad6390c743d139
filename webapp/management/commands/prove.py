"""`manage.py prove`: does a version load, and does it answer as in training? Changes nothing."""

from __future__ import annotations

import os
from argparse import SUPPRESS
from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.classifiers import find_classifier
from classifier.errors import StorageUnavailable
from classifier.promotions import find_model_version
from webapp.management.sentence_command import SentenceCommand
from webapp.management.tethered import serve_the_worker


class Command(SentenceCommand):
    """What a gpu worker starts, tethered, before a version goes live; people may ask too."""

    help = "Loads a version as a worker would and asks it about the test pictures stored with it. Changes nothing."
    example = "manage.py prove fashion 3"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare classifier and version."""
        parser.add_argument("slug", help="the classifier")
        parser.add_argument("version", help="the version's number or id")
        parser.add_argument("--tethered", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Prove and say what was proved."""
        if options["tethered"]:
            serve_the_worker()
        # numpy and, behind the predictor, TensorFlow stay out of the web process, which lists the commands.
        from tasks.proving import prove_version

        version = find_model_version(classifier=find_classifier(options["slug"]), name=options["version"])
        try:
            self.stdout.write(prove_version(version))
        except StorageUnavailable as problem:
            raise CommandError(problem.message, returncode=os.EX_TEMPFAIL) from problem
