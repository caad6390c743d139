"""Champion against challenger on the same holdout: both answer through the serving code, the gate says its word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.datasets import DatasetDamaged, dataset_cache_dir, fetch_dataset
from classifier.errors import Refused
from classifier.models import Classifier, ModelVersion
from classifier.promotion_gate import Policy, Verdict, judge, judge_first
from classifier.training_snapshots import take_snapshot
from ml.errors import MlError
from ml.training_examples import Selection, select_examples
from tasks.evaluation_storage import Opponent, keep_evaluation
from tasks.holdout_answers import OnProgress, answer_holdout, load_predictor
from tasks.reviewed_packing import pack_reviewed


def judge_version(
    *,
    version: ModelVersion,
    artifact: Path,
    selection: Selection,
    policy: Policy,
    margin: float,
    on_progress: OnProgress = lambda done, total: None,
) -> Verdict:
    """The new version, whose artifact has thereby proved to load, against the live one, or against chance.

    A live version that cannot be loaded is no opponent, and the verdict says so. What was measured is stored with the
    version. Raises ml's errors for the new one.
    """
    result = answer_holdout(load_predictor(artifact), selection, on_progress=on_progress)
    truth, challenger = result.truth_names, result.for_gate(f"v{version.number}")
    live = Classifier.objects.select_related("live_version").get(pk=version.classifier_id).live_version
    opponent, trouble = None, ""
    if live is not None and live.pk != version.pk:
        try:
            opponent = answer_as_opponent(live, selection, on_progress=on_progress)
        except (ArtifactDamaged, MlError) as problem:
            trouble = f"The live version v{live.number} could not be loaded for a comparison: {problem}"
    keep_evaluation(version=version, result=result, selection=selection, opponent=opponent)
    if opponent is not None:
        champion = opponent.result.for_gate(f"v{opponent.version.number}")
        return judge(truth, challenger, champion, policy=policy, margin=margin)
    verdict = judge_first(truth, challenger)
    verdict.warnings += [trouble] if trouble else []
    return verdict


def answer_as_opponent(
    version: ModelVersion, selection: Selection, *, on_progress: OnProgress = lambda done, total: None
) -> Opponent:
    """A stored version's answers to the same pictures. Raises ArtifactDamaged, MlError, StorageUnavailable."""
    predictor = load_predictor(fetch_artifact(version.digest, settings.MODEL_CACHE_DIR))
    return Opponent(version, answer_holdout(predictor, selection, on_progress=on_progress))


def select_holdout(
    *, classifier: Classifier, dataset_names: Sequence[str] = (), reviewed: Path | None = None
) -> Selection:
    """The examples of the classifier's datasets as a run would sort them now. Raises NotFound, Refused.

    With `reviewed`, a folder that does not exist yet and must live as long as the answer, the reviewed images too.
    """
    snapshot = take_snapshot(classifier=classifier, dataset_names=dataset_names)
    try:
        folders = [fetch_dataset(dataset, dataset_cache_dir()) for dataset in snapshot.datasets]
        if reviewed is None or not snapshot.reviewed:
            return select_examples(folders, snapshot.labels)
        pack_reviewed(snapshot.reviewed, reviewed)
        return select_examples([*folders, reviewed], snapshot.labels, corrections=reviewed)
    except (MlError, DatasetDamaged) as problem:
        raise Refused("malformed_request", str(problem)) from problem
