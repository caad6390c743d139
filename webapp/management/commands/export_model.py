"""`manage.py export_model`: a version becomes a SavedModel, a LiteRT or an ONNX file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from classifier.classifiers import find_classifier
from classifier.promotions import find_model_version
from webapp.management.progress_bars import progress_bar
from webapp.management.sentence_command import SentenceCommand

FORMATS = ("savedmodel", "litert", "onnx")


class Command(SentenceCommand):
    """Writes a folder with the model, labels.txt and model.json."""

    help = (
        "Writes a version for other programs: raw pixels in, calibrated probabilities out. The written model is loaded "
        "back and compared with ours on holdout pictures; one that differs is not kept."
    )
    example = "manage.py export_model fashion --format litert exported/"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare version, format and folder."""
        parser.add_argument("slug", help="the classifier")
        parser.add_argument("folder", type=Path, metavar="OUT", help="a folder that does not exist yet")
        parser.add_argument("--format", choices=FORMATS, required=True, help="onnx needs requirements-export.txt")
        parser.add_argument("--model", metavar="ID", help="number or id of a version; default: the live one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say how it compares."""
        # numpy and TensorFlow stay out of the web process, which lists the commands.
        from tasks.model_exporting import export_version

        version = find_model_version(classifier=find_classifier(options["slug"]), name=options["model"])
        with progress_bar("Comparing") as set_progress:
            report = export_version(
                version=version, kind=options["format"], folder=options["folder"], on_progress=set_progress
            )
        self.stdout.write(
            f"v{version.number} of {version.classifier.slug} in {options['folder'] / report.file}, "
            f"{report.size_bytes / 1e6:.1f} MB."
        )
        self.stdout.write(
            f"Compared on {report.pictures} pictures: largest difference of a probability "
            f"{report.largest_difference:.6f}, the same label for {report.label_agreement:.1%}."
        )
