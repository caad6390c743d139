"""`manage.py reconcile`: proves that rows, objects and hashes agree, or says where they do not."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from classifier.reconcile_images import check_derivatives, check_images
from classifier.reconcile_objects import (
    check_checkpoints,
    check_datasets,
    check_evaluations,
    check_models,
    check_uploads,
)
from classifier.reconcile_states import check_deletions, check_predictions, check_promotions, check_runs
from classifier.reconciling import KINDS, Check, Finding, Search, reconcile
from webapp.management.sentence_command import SentenceCommand

CHECKS: tuple[Check, ...] = (
    check_deletions,
    check_images,
    check_derivatives,
    check_datasets,
    check_models,
    check_evaluations,
    check_uploads,
    check_checkpoints,
    check_predictions,
    check_runs,
    check_promotions,
)
LISTED_OF_EACH = 20
ALL_REPAIRED = 3


class Command(SentenceCommand):
    """Looks at everything once; memory does not grow with the site."""

    help = (
        "Compares rows with stored objects: images, datasets, models, evaluations, uploads; and finds work that is "
        "stuck. Exit code 0: everything agrees; 1: something does not; 3: something did not, and all of it was "
        "repaired. Nothing is changed without --repair, and no row is ever deleted."
    )
    example = "manage.py reconcile --deep --repair"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--deep", action="store_true", help="read every object and compare its SHA-256")
        parser.add_argument(
            "--repair", action="store_true", help="delete objects that no row names, put stuck work back in its queue"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line, the summary last")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, say, and end with the exit code that fits."""
        found: Counter[str] = Counter()
        repaired: Counter[str] = Counter()
        search = Search(
            deep=options["deep"],
            repair=options["repair"],
            carry_on_deletions=_carry_on_deletions,
            on_progress=self._progress(options["json"]),
        )
        for finding in reconcile(search, CHECKS):
            found[finding.kind] += 1
            repaired[finding.kind] += finding.repaired
            self._say(finding, found[finding.kind], as_json=options["json"])
        if options["json"]:
            self.stdout.write(json.dumps({"summary": dict(found), "repaired": dict(+repaired)}))
        else:
            self._sum_up(found, repaired)
        left = found.total() - repaired.total()
        if left:
            raise CommandError(f"{_count(left, 'mismatch')} left.", returncode=1)
        if found.total():
            raise CommandError(f"All {_count(found.total(), 'mismatch')} repaired.", returncode=ALL_REPAIRED)

    def _say(self, finding: Finding, number: int, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(finding.as_json(), ensure_ascii=False))
            return
        if number == 1:
            self.stdout.write(f"{finding.kind}: {KINDS[finding.kind].meaning}")
        if number <= LISTED_OF_EACH:
            details = f" ({finding.details})" if finding.details else ""
            self.stdout.write(f"  {finding.subject}{details}{', repaired' if finding.repaired else ''}")
        elif number == LISTED_OF_EACH + 1:
            self.stdout.write("  … more of them; --json lists all.")

    def _sum_up(self, found: Counter[str], repaired: Counter[str]) -> None:
        if not found:
            self.stdout.write("Rows, objects and states agree.")
            return
        width = max(len(kind) for kind in found)
        self.stdout.write(f"\n{'':{width}}  {'found':>9}  {'repaired':>9}  what to do")
        for kind, count in found.items():
            done = repaired[kind]
            advice = "" if done == count else KINDS[kind].advice
            self.stdout.write(f"{kind:{width}}  {count:>9,}  {done:>9,}  {advice}".rstrip())

    def _progress(self, is_json: bool) -> Callable[[str, int], None]:
        def show(what: str, count: int) -> None:
            self.stderr.write(f"\r{what}: {count:,}", ending="")

        return show if sys.stderr.isatty() and not is_json else lambda what, count: None


def _carry_on_deletions() -> int:
    # numpy, which datasets are made of, stays out of the web process, which lists the commands.
    from tasks.deleting import carry_on_deletions

    return carry_on_deletions(worker="reconcile")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 'es'}"
