"""A training run from claim to verdict. The command and the train worker are two doors to this one path."""

from __future__ import annotations

import os
import socket
from typing import Final
from uuid import UUID

from classifier.artifact_storage import ArtifactDamaged
from classifier.datasets import DatasetDamaged
from classifier.errors import Conflict, Refused, StorageUnavailable, WhatsitError
from classifier.models import TrainingRun
from classifier.training_checkpoints import forget_checkpoint
from classifier.training_queue import is_active, is_cancel_requested, release_run
from classifier.training_runs import (
    cancel_claimed_run,
    claim_run,
    fail_run,
    finish_run,
)
from ml.errors import MlError
from tasks.run_keeper import RunKeeper
from tasks.trainer import OnNews, RunStoppedError, Trainer, TrainingReport
from tasks.training_folders import work_folder

CANCELLED: Final = "Cancelled."


def execute_run(
    run_id: UUID,
    *,
    on_news: OnNews = lambda phase, share, sentence: None,
    give_back_when_interrupted: bool = False,
) -> TrainingReport:
    """Train, register, judge and, where the gate allows it, promote.

    However it ends, the row says so: an error fails the run with the reason, an interrupt cancels it (or gives it back
    to the queue with its checkpoint, unless somebody cancelled it), and nothing else is left behind. Raises Conflict
    where the run is in other hands, RunStoppedError, WhatsitError.
    """
    claimed = claim_run(run_id=run_id, worker=f"{socket.gethostname()}:{os.getpid()}")
    if claimed is None:
        raise Conflict("This training run is in other hands, or has ended.")
    run = TrainingRun.objects.select_related("classifier").get(id=run_id)
    try:
        with RunKeeper(claimed) as keeper, work_folder(run_id) as folder:
            report = Trainer(run, claimed, keeper, on_news).train(folder)
        finish_run(claimed, outcome=f"v{report.version.number} is {report.stage}. {' '.join(report.verdict.sentences)}")
        return report
    except (KeyboardInterrupt, RunStoppedError):
        if not (give_back_when_interrupted and not is_cancel_requested(run_id) and release_run(claimed)):
            cancel_claimed_run(claimed, reason=CANCELLED)
        raise
    except (MlError, ArtifactDamaged, DatasetDamaged) as problem:
        fail_run(claimed, reason=str(problem))
        raise Refused("malformed_request", str(problem)) from problem
    except WhatsitError as problem:
        fail_run(claimed, reason=problem.message)
        raise
    except (OSError, MemoryError) as problem:
        reason = _describe_machine_trouble(problem)
        fail_run(claimed, reason=reason)
        raise StorageUnavailable(reason) from problem
    except BaseException as problem:
        fail_run(claimed, reason=f"{type(problem).__name__}: {problem}")
        raise
    finally:
        if not is_active(run_id):
            forget_checkpoint(run_id)


def _describe_machine_trouble(problem: OSError | MemoryError) -> str:
    if isinstance(problem, MemoryError):
        return "The pictures do not fit into this machine's memory. Train with a smaller image_size, or on fewer."
    where = f" ({problem.filename})" if problem.filename else ""
    return f"This machine cannot keep its working files: {problem.strerror or problem}{where}."
