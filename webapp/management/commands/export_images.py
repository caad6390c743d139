"""`manage.py export_images`: a dataset becomes a PNG folder per label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from classifier.classifiers import find_classifier
from classifier.datasets import find_dataset
from webapp.management.progress_bars import progress_bar
from webapp.management.sentence_command import SentenceCommand


class Command(SentenceCommand):
    """Writes a folder that import_images would read."""

    help = "Writes a dataset as PNG files, one folder per label, into a folder that must be new or empty."
    example = "manage.py export_images fashion-mnist exported/"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare dataset and folder."""
        parser.add_argument("dataset", help="the dataset's name or id")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--classifier", metavar="SLUG", help="where several classifiers have such a dataset")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export and say how many."""
        # numpy stays out of the web process, which lists the commands.
        from tasks.exporting import export_pictures

        classifier = find_classifier(options["classifier"]) if options["classifier"] else None
        dataset = find_dataset(classifier=classifier, name=options["dataset"])
        with progress_bar("Exporting") as set_progress:
            written = export_pictures(dataset=dataset, folder=options["folder"], on_progress=set_progress)
        self.stdout.write(f"{written:,} pictures of {len(dataset.labels)} label(s) in {options['folder']}.")
