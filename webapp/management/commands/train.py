"""`manage.py train`: a classifier learns from its datasets, here or queued for the train worker."""

from __future__ import annotations

from argparse import SUPPRESS
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.core.management.base import CommandError, CommandParser

from classifier.doorbell import ring_by_name
from classifier.errors import Refused
from classifier.training_runs import UnchangedError, find_run
from tasks.training_options import read_options
from tasks.training_requests import TRAIN_TASK, request_training
from webapp.management.progress_bars import described_bar
from webapp.management.sentence_command import SentenceCommand
from webapp.management.tethered import serve_the_worker

if TYPE_CHECKING:
    from uuid import UUID

    from tasks.trainer import TrainingReport

FLAGS = ("recipe", "backbone", "head", "image_size", "batch_size", "epochs", "seed", "datasets")
GATE_FLAGS = ("promote", "policy", "margin")


class Command(SentenceCommand):
    """Foreground with a bar; --queue hands over; --run works on a queued run and is what the train worker starts."""

    help = (
        "Trains a classifier on its datasets, measures the new version on the holdout beside the live one, and makes "
        "it live where the gate finds nothing against it. Unchanged data and settings are not trained again."
    )
    example = "manage.py train fashion --epochs 10"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the run's options; flags win over the configuration file."""
        parser.add_argument("slug", nargs="?", help="the classifier")
        parser.add_argument("--config", type=Path, metavar="FILE", help="YAML with the same options, see docs/examples")
        parser.add_argument("--name", help="a name for the run")
        parser.add_argument("--recipe", choices=["auto", "small", "transfer"])
        parser.add_argument("--backbone", metavar="NAME", help="of the recipe transfer: mobilenet, vgg16 …")
        parser.add_argument("--head", type=int, nargs="*", metavar="UNITS", help="dense layers before the last one")
        parser.add_argument("--image-size", type=int, metavar="PIXELS", help="side of the network's input")
        parser.add_argument("--batch-size", type=int, metavar="N")
        parser.add_argument("--epochs", type=int, metavar="N")
        parser.add_argument("--seed", type=int, metavar="N")
        parser.add_argument("--datasets", nargs="+", metavar="NAME", help="default: all of the classifier")
        parser.add_argument("--promote", choices=["auto", "never", "force"], help="default: as the gate says")
        parser.add_argument("--policy", choices=["no_harm", "better", "not_worse"], help="default: the classifier's")
        parser.add_argument("--margin", type=float, metavar="SHARE", help="for not_worse; default: the classifier's")
        parser.add_argument("--queue", action="store_true", help="leave it to a train worker")
        parser.add_argument("--run", metavar="ID", help="work on this queued run")
        parser.add_argument("--tethered", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Request a run, or take up a queued one; then train or hand over."""
        if bool(options["slug"]) == bool(options["run"]):
            raise CommandError("Name a classifier to train, or a queued run with --run.")
        if options["run"]:
            if options["tethered"]:
                serve_the_worker()
            self._train(find_run(options["run"]).id, give_back_when_interrupted=options["tethered"])
            return
        try:
            run_id = self._request(options)
        except UnchangedError as unchanged:
            self.stdout.write(unchanged.message)
            return
        if options["queue"]:
            ring_by_name(TRAIN_TASK, [str(run_id)], queue="train")
            self.stdout.write(f"Training run {run_id} is queued.")
            return
        self._train(run_id)

    def _request(self, options: dict[str, Any]) -> UUID:
        values = read_configuration(options["config"]) if options["config"] else {}
        slug, name = values.pop("classifier", None), values.pop("name", "")
        if slug not in (None, options["slug"]):
            raise Refused("malformed_request", f"{options['config']} is for classifier {slug}, not {options['slug']}.")
        values |= {flag: options[flag] for flag in (*FLAGS, *GATE_FLAGS) if options[flag] is not None}
        return request_training(slug=options["slug"], options=read_options(values), name=options["name"] or name).id

    def _train(self, run_id: UUID, *, give_back_when_interrupted: bool = False) -> None:
        # numpy and TensorFlow stay out of the web process, which lists the commands.
        from tasks.training_jobs import execute_run

        with described_bar("Training") as set_news:
            report = execute_run(
                run_id,
                on_news=lambda phase, share, sentence: set_news(share, sentence),
                give_back_when_interrupted=give_back_when_interrupted,
            )
        self._tell(report)

    def _tell(self, report: TrainingReport) -> None:
        holdout, run = report.metrics["holdout"], report.metrics["run"]
        self.stdout.write(f"v{report.version.number} trained in {run['seconds']:.0f} s.")
        if holdout["count"]:
            self.stdout.write(
                f"Holdout: {holdout['accuracy']:.2%} of {holdout['count']:,} pictures "
                f"({holdout['accuracy_low']:.2%} to {holdout['accuracy_high']:.2%}), "
                f"calibration error {holdout['calibration_error']:.3f}."
            )
        for sentence in report.verdict.sentences:
            self.stdout.write(sentence)
        self.stdout.write(f"v{report.version.number} is {report.stage}.")


def read_configuration(path: Path) -> dict[str, Any]:
    """A YAML mapping; dashes in names count as underscores. Raises Refused."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise Refused("malformed_request", f"{path} cannot be read: {problem}") from problem
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise Refused("malformed_request", f"{path} must hold names with values, such as “epochs: 10”.")
    return {name.replace("-", "_"): value for name, value in values.items()}
