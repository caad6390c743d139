"""One claimed import, from its place or upload to a dataset and a sentence about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings

from classifier.errors import StorageUnavailable, WhatsitError
from classifier.image_names import clean_name
from classifier.import_jobs import (
    ClaimedImport,
    cancel_claimed_import,
    fail_import,
    finish_import,
    release_import,
    retry_import,
)
from classifier.import_uploads import fetch_upload, make_room
from classifier.models import ImportJob
from tasks.import_keeper import ImportKeeper, ImportStoppedError
from tasks.importing import ImportOutcome, import_pictures

logger = structlog.get_logger(__name__)


def carry_out(claimed: ClaimedImport, *, is_stopping: Callable[[], bool]) -> bool:
    """Import and end the row, or give it back; False where trying again at once makes no sense.

    Raises DatabaseError where the rows cannot be reached: the lease runs out then, and another attempt follows.
    """
    job = ImportJob.objects.get(id=claimed.id)
    keeper = ImportKeeper(claimed, is_stopping=is_stopping)
    try:
        with keeper, _fetched(job, keeper) as place:
            outcome = import_pictures(
                name=job.name,
                place=place,
                classifier_slug=job.classifier_slug,
                classifier_name=job.classifier_name,
                on_progress=keeper.note,
            )
    except ImportStoppedError:
        return cancel_claimed_import(claimed) if keeper.is_cancelled else release_import(claimed)
    except StorageUnavailable as problem:
        retry_import(claimed, reason=problem.message)
        return False
    except WhatsitError as problem:
        return fail_import(claimed, reason=problem.message)
    except OSError as problem:
        logger.exception("import_failed", job=str(claimed.id))
        return fail_import(
            claimed, reason=f"The worker's disk failed: {problem.strerror or problem}. Tell the operator of this site."
        )
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as problem:
        logger.exception("import_failed", job=str(claimed.id))
        reason = f"Reading these pictures failed unexpectedly ({type(problem).__name__}); the worker's log tells more."
        return fail_import(claimed, reason=reason)
    return finish_import(claimed, dataset=outcome.dataset, outcome=describe_outcome(job, outcome))


def describe_outcome(job: ImportJob, outcome: ImportOutcome) -> str:
    """What became of the pictures, in sentences for the person who brought them."""
    dataset = outcome.dataset
    # A worker that was killed after the dataset's commit leaves it to the next attempt, which finds its own pictures.
    is_own = dataset.name == job.name and dataset.created_at >= job.created_at
    if not outcome.is_new and not is_own:
        return f"These pictures are dataset “{dataset.name}” already. Nothing was added."
    sentences = [f"{_count(dataset.image_count, 'picture')} of {_count(len(dataset.labels), 'label')}."]
    if outcome.rejected:
        sentences.append(f"{_count(len(outcome.rejected), 'file')} could not be used; the dataset lists them.")
    if outcome.duplicates:
        sentences.append(f"{_count(outcome.duplicates, 'picture')} came more than once.")
    if outcome.contradictions:
        sentences.append(f"{_count(outcome.contradictions, 'picture')} came under different labels; look at them.")
    if len(dataset.labels) < 2:
        sentences.append("There is only one label; training needs at least two.")
    return " ".join(sentences)


@contextmanager
def _fetched(job: ImportJob, keeper: ImportKeeper) -> Iterator[str]:
    """The place to read from: what was named, or the upload put together in a folder that goes away again."""
    if not job.storage_key:
        yield job.place
        return
    folder = make_room(settings.VAR_DIR / "imports" / f"upload-{job.id.hex}")
    try:
        # The last 60 characters: a file system counts bytes, up to four a character.
        archive = folder / (clean_name(job.file_name)[-60:].lstrip(".") or "pictures.zip")
        fetch_upload(job.storage_key, archive, on_part=keeper.stop_if_wanted)
        yield str(archive)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
