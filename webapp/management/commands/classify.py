"""`manage.py classify`: labels for files, folders and storage prefixes, as a batch that can be interrupted."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from classifier.batch_jobs import (
    ClaimedBatch,
    find_or_create_batch,
    finish_batch,
    list_files,
    release_batch,
)
from classifier.batch_places import BatchPlace, normalise_places, open_place
from classifier.batch_results import BatchResult
from classifier.batch_running import claim_patiently, find_files, run_batch
from classifier.batch_sending import Wish
from classifier.classifiers import find_classifier
from classifier.errors import Refused, StorageUnavailable
from classifier.models import Classifier, ModelVersion
from classifier.promotions import find_model_version
from webapp.management.batch_output import goes_to_terminal, open_output
from webapp.management.progress_bars import Say, progress_bar, rated_bar
from webapp.management.sentence_command import INTERRUPTED, SentenceCommand

MOST_LISTED: Final = 200
THREADS: Final = min(4, os.cpu_count() or 1)
GO_ON: Final = "The same command goes on from here."
"""What is said wherever it ends before its time."""


class Command(SentenceCommand):
    """Through the queue, behind everybody who waits; the rows know how far it is."""

    help = (
        "Says what the pictures are: single files, folders with all below them, prefixes of object storage. Where it "
        "is interrupted, the same command goes on: nothing is sent twice, and the output is written whole. The list "
        "of files is taken once, at the beginning. Hidden files are passed over. "
        "Exit code 0: every file has an answer; 1: some have none (they are listed with the reason) or it could not "
        "work; 130: interrupted."
    )
    example = "manage.py classify fashion ~/pictures storage://incoming/shoes --csv labels.csv"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what is asked and where the answers go."""
        parser.add_argument("slug", help="the classifier")
        parser.add_argument(
            "places", nargs="+", metavar="PATH", help="a file, a folder, storage://prefix, or a URL like STORAGE_URL's"
        )
        output = parser.add_mutually_exclusive_group()
        output.add_argument("--json", metavar="FILE", help="a JSON object a line; -: to the terminal")
        output.add_argument("--csv", metavar="FILE", help="a table; -: to the terminal")
        parser.add_argument("--model", metavar="ID", help="number or id of a version; default: the live one")
        parser.add_argument(
            "--limit-waiting",
            metavar="N",
            type=_positive,
            default=1000,
            help="files that may be ahead of the answers (default: 1000)",
        )
        parser.add_argument("--restart", action="store_true", help="list the files afresh, whatever was interrupted")

    def handle(self, *args: Any, **options: Any) -> None:
        """List, send, write the answers as they come."""
        classifier = find_classifier(options["slug"])
        version = find_model_version(classifier=classifier, name=options["model"])
        names = normalise_places(options["places"])
        places = [open_place(name) for name in names]
        _refuse_overwriting(names, options["json"] or options["csv"])
        self._shown = self._unanswered = 0
        wished = version if options["model"] else None
        batch = self._claim(classifier, wished, names, afresh=options["restart"])
        try:
            batch = self._list(batch, places)
            wish = Wish(classifier.slug, str(wished.id) if wished else None, places)
            self._run(batch, wish, options)
        except KeyboardInterrupt as problem:
            said = f"Stopped after {self._shown:,} of {batch.item_count:,} files. {GO_ON}"
            raise CommandError(said, returncode=INTERRUPTED) from problem
        except StorageUnavailable as problem:
            raise CommandError(f"{problem.message} {GO_ON}") from problem
        except (DatabaseError, InterfaceError) as problem:
            raise CommandError(f"The database does not answer: {problem}. {GO_ON}") from problem
        except BrokenPipeError as problem:
            raise CommandError(f"Nobody reads the output any more. {GO_ON}") from problem
        finally:
            with suppress(DatabaseError, InterfaceError):  # it comes free with its lease
                release_batch(batch)
        self._tell(batch)

    def _claim(
        self, classifier: Classifier, wished: ModelVersion | None, names: list[str], *, afresh: bool
    ) -> ClaimedBatch:
        batch_id = find_or_create_batch(classifier=classifier, wished_version=wished, places=names)
        batch = claim_patiently(batch_id=batch_id, say=self.stderr.write)
        if afresh and batch.is_listed:
            finish_batch(batch)
            return self._claim(classifier, wished, names, afresh=False)
        return batch

    def _list(self, batch: ClaimedBatch, places: Sequence[BatchPlace]) -> ClaimedBatch:
        if batch.is_listed:
            self.stderr.write(
                f"Going on with the batch of {batch.created_at:%d %b %Y %H:%M} UTC: {batch.sent_count:,} of "
                f"{batch.item_count:,} files were sent. Files that came since are not in it; --restart lists afresh."
            )
            return batch
        with progress_bar("Listing") as set_progress:
            listed = list_files(batch, find_files(places), on_listed=lambda count: set_progress(count, count))
        if not listed.item_count:
            finish_batch(listed)
            raise Refused("malformed_request", "There is no file in these places.")
        return listed

    def _run(self, batch: ClaimedBatch, wish: Wish, options: dict[str, Any]) -> None:
        json_file, csv_file = options["json"], options["csv"]
        has_bar = not goes_to_terminal(json_file or csv_file)
        with (
            open_output(json_file=json_file, csv_file=csv_file, stdout=self.stdout) as write,
            rated_bar("Classifying", self.stderr.write, is_wanted=has_bar) as (set_progress, say),
        ):

            def take(results: list[BatchResult]) -> None:
                write(results)
                self._note(results, say)
                if self._shown >= batch.sent_count:  # what an earlier run sent is read from rows, which is no speed
                    set_progress(self._shown, batch.item_count)

            run_batch(
                batch=batch,
                wish=wish,
                most_waiting=options["limit_waiting"],
                threads=THREADS,
                on_results=take,
                say=say,
            )

    def _note(self, results: Sequence[BatchResult], say: Say) -> None:
        self._shown += len(results)
        for result in results:
            if not result.is_answered:
                self._unanswered += 1
                if self._unanswered <= MOST_LISTED:
                    say(f"{result.place}: {result.message}")

    def _tell(self, batch: ClaimedBatch) -> None:
        if not self._unanswered:
            self.stderr.write(f"{batch.item_count:,} file(s) classified.")
            return
        listed = (
            "they are listed above" if self._unanswered <= MOST_LISTED else f"the first {MOST_LISTED} are listed above"
        )
        raise CommandError(f"{self._unanswered:,} of {batch.item_count:,} file(s) have no answer; {listed}.")


def _refuse_overwriting(names: Sequence[str], file: str | None) -> None:
    if file and str(Path(file).absolute()) in names:
        raise Refused("malformed_request", f"{file} is one of the pictures. Name another file for the answers.")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
