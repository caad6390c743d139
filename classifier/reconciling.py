"""Do rows, objects and hashes agree? Findings, what each means for a person, and what `--repair` may do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

OnProgress = Callable[[str, int], None]
"""Hears `(what is being looked at, how many so far)`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which things can disagree. `advice` is for what no repair is known for, or before one."""

    name: str
    meaning: str
    advice: str
    is_repairable: bool


_BACKUP: Final = "Bring the object back from a backup, or delete the row on its page."
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("image_missing", "An image's stored file is not there.", _BACKUP, False),
        Kind("image_altered", "An image's stored file is not the one that was stored.", _BACKUP, False),
        Kind("image_orphan", "A stored file that no image names.", "--repair deletes it.", True),
        Kind("derivative_orphan", "Something made of an image that is gone.", "--repair deletes it.", True),
        Kind(
            "dataset_missing",
            "A packed file of a dataset is not there.",
            "Bring it back from a backup, or import the pictures again under another name.",
            False,
        ),
        Kind(
            "dataset_altered",
            "A packed file of a dataset is not the one that was stored.",
            "Bring it back from a backup, or import the pictures again under another name.",
            False,
        ),
        Kind("dataset_orphan", "A packed file that no dataset names.", "--repair deletes it.", True),
        Kind("model_missing", "A file of a model version is not there.", "Bring it back, or train again.", False),
        Kind("model_altered", "A file of a model version was altered.", "Bring it back, or train again.", False),
        Kind("model_orphan", "A model's file that no version names.", "--repair deletes it.", True),
        Kind("pack_missing", "The pictures of an evaluation are not there.", "Measure the version again.", False),
        Kind("pack_orphan", "Pictures of an evaluation that no version names.", "--repair deletes them.", True),
        Kind(
            "upload_missing",
            "What was uploaded for an import that is not over is not there.",
            "The import will fail and say so; send the pictures again.",
            False,
        ),
        Kind("upload_orphan", "An upload that no import names.", "--repair deletes it.", True),
        Kind("checkpoint_orphan", "The checkpoint of a training that is over.", "--repair deletes it.", True),
        Kind(
            "stuck_prediction",
            "A prediction in the hands of a worker that fell silent long ago.",
            "Start a gpu worker; --repair puts it back into the queue.",
            True,
        ),
        Kind(
            "stuck_training",
            "A training whose worker fell silent long ago.",
            "Start a train worker; --repair ends it as failed.",
            True,
        ),
        Kind(
            "stuck_import",
            "An import whose worker fell silent long ago.",
            "Start a default worker; --repair puts it back into the queue.",
            True,
        ),
        Kind(
            "stuck_evaluation",
            "A measurement whose worker fell silent long ago.",
            "Start a train worker; --repair puts it back into the queue.",
            True,
        ),
        Kind(
            "stuck_promotion",
            "Somebody asked for a version to go live, and nothing came of it.",
            "--repair ends the request; ask again.",
            True,
        ),
        Kind(
            "stuck_deletion",
            "A deletion that has not come to its end.",
            "Start a default worker; --repair tries again.",
            True,
        ),
    )
}


@dataclass(slots=True)
class Finding:
    """One disagreement: its kind, what it is about (a key or a row), and more in words."""

    kind: str
    subject: str
    details: str = ""
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "subject": self.subject,
            "meaning": KINDS[self.kind].meaning,
            "details": self.details,
            "repaired": self.repaired,
        }


@dataclass(frozen=True, slots=True)
class Search:
    """How to look. `deep` reads every object and compares its hash; `repair` acts on what may be repaired.

    `carry_on_deletions` ends what can be ended of the pending deletions: work of the floor above.
    """

    deep: bool = False
    repair: bool = False
    carry_on_deletions: Callable[[], object] = lambda: None
    on_progress: OnProgress = lambda what, count: None


Check = Callable[[Search], Iterator[Finding]]


def reconcile(search: Search, checks: Sequence[Check]) -> Iterator[Finding]:
    """All findings, as they are found: memory stays flat however many there are."""
    for check in checks:
        yield from check(search)
