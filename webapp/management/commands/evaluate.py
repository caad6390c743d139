"""`manage.py evaluate`: how good a version is on the holdout."""

from __future__ import annotations

import json
from argparse import SUPPRESS
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from classifier.classifiers import find_classifier
from classifier.promotions import find_model_version
from webapp.management.evaluation_report import describe_evaluation
from webapp.management.progress_bars import progress_bar
from webapp.management.sentence_command import SentenceCommand
from webapp.management.tethered import serve_the_worker


class Command(SentenceCommand):
    """Metrics, per label, and the confusion matrix."""

    help = (
        "Measures a version on holdout pictures, which no version was trained on: a table, JSON, a picture. What was "
        "measured on all datasets is kept with the version and shown on its page."
    )
    example = "manage.py evaluate fashion --json"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what is measured and how it is shown."""
        parser.add_argument("slug", help="the classifier")
        parser.add_argument("--model", metavar="ID", help="number or id of a version; default: the live one")
        parser.add_argument("--dataset", metavar="NAME", help="only this one, and keep nothing")
        parser.add_argument("--json", action="store_true", help="{accuracy, low, high, n, per_label, …}")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="write the confusion matrix as a PNG")

        parser.add_argument("--tethered", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure, keep and print."""
        if options["tethered"]:
            serve_the_worker()
        # numpy and TensorFlow stay out of the web process, which lists the commands.
        from tasks.confusion_picture import write_confusion_picture
        from tasks.evaluating import evaluate_version

        version = find_model_version(classifier=find_classifier(options["slug"]), name=options["model"])
        names = [options["dataset"]] if options["dataset"] else []
        with progress_bar("Measuring") as set_progress:
            evaluation = evaluate_version(version=version, dataset_names=names, on_progress=set_progress)
        if options["plot"]:
            write_confusion_picture(options["plot"], evaluation.metrics)
        if options["json"]:
            self.stdout.write(json.dumps(evaluation.to_json(), ensure_ascii=False))
            return
        for line in describe_evaluation(version.number, evaluation.metrics):
            self.stdout.write(line)
