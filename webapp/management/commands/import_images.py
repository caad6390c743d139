"""`manage.py import_images`: labelled pictures become a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from webapp.management.progress_bars import progress_bar
from webapp.management.sentence_command import SentenceCommand

if TYPE_CHECKING:
    from tasks.importing import ImportOutcome

MOST_LISTED = 200


class Command(SentenceCommand):
    """Reads a folder, a ZIP or a storage URL."""

    help = (
        "Makes a dataset of labelled pictures: IDX files as Fashion-MNIST comes, a folder per label, train/ and test/ "
        "with a folder per label each, a ZIP of these, or a storage URL. The classifier is created if it is new."
    )
    example = "manage.py import_images fashion-mnist ../shared/data/fashion-mnist --classifier fashion"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare name, place and options."""
        parser.add_argument("name", help="the new dataset's name")
        parser.add_argument("path", help="a folder, a ZIP file, storage://prefix, or a URL like those of STORAGE_URL")
        parser.add_argument("--format", choices=["auto", "idx", "folder", "zip"], default="auto")
        parser.add_argument("--classifier", metavar="SLUG", help="default: the dataset's name")
        parser.add_argument("--labels", metavar="FILE", type=Path, help="names for IDX label numbers, one a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and say what came of it."""
        # numpy stays out of the web process, which lists the commands.
        from tasks.importing import import_pictures

        with progress_bar("Importing") as set_progress:
            outcome = import_pictures(
                name=options["name"],
                place=options["path"],
                format=options["format"],
                classifier_slug=options["classifier"],
                label_file=options["labels"],
                on_progress=set_progress,
            )
        self._list_rejected(outcome)
        self._tell(outcome)

    def _list_rejected(self, outcome: ImportOutcome) -> None:
        for entry in outcome.rejected[:MOST_LISTED]:
            self.stderr.write(f"{entry.name}: {entry.reason}")
        if len(outcome.rejected) > MOST_LISTED:
            self.stderr.write(f"… and {len(outcome.rejected) - MOST_LISTED:,} more.")

    def _tell(self, outcome: ImportOutcome) -> None:
        dataset = outcome.dataset
        slug = dataset.classifier.slug
        if not outcome.is_new:
            self.stdout.write(
                f"These pictures are dataset “{dataset.name}” of classifier {slug} already. Nothing was added."
            )
            return
        made = " (new)" if outcome.is_new_classifier else ""
        self.stdout.write(
            f"Dataset “{dataset.name}” of classifier {slug}{made}: {dataset.image_count:,} pictures of "
            f"{len(dataset.labels)} label(s) in {outcome.seconds:.1f} s."
        )
        for split in ("train", "validation", "holdout"):
            self.stdout.write(f"  {split}: {sum(dataset.counts.get(split, {}).values()):,}")
        for sentence in describe_oddities(outcome):
            self.stdout.write(sentence)
        self.stdout.write(f"Next: manage.py train {slug}")


def describe_oddities(outcome: ImportOutcome) -> list[str]:
    """What the owner of the pictures should know, a sentence each."""
    sentences = []
    if outcome.rejected:
        sentences.append(f"{len(outcome.rejected):,} file(s) could not be used; they are listed above.")
    if outcome.duplicates:
        sentences.append(f"{outcome.duplicates:,} picture(s) occur more than once.")
    if outcome.contradictions:
        sentences.append(f"{outcome.contradictions:,} of these stand under different labels; look at them.")
    unseen = len(set(outcome.dataset.labels) - set(outcome.dataset.counts.get("train", {})))
    if unseen:
        sentences.append(f"{unseen:,} label(s) have no picture to train on yet; bring at least ten of each label.")
    if len(outcome.dataset.labels) < 2:
        sentences.append("There is only one label; training needs at least two.")
    return sentences
