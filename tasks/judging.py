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
from tasks.holdout_answers import OnProgress, answer_holdout, load_predictor


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

    A live version that cannot be loaded is no opponent, and the verdict says so. Raises ml's errors for the new one.
    """
    name = f"v{version.number}"
    result = answer_holdout(load_predictor(artifact), selection, on_progress=on_progress)
    truth, challenger = result.truth_names, result.for_gate(name)
    live = Classifier.objects.select_related("live_version").get(pk=version.classifier_id).live_version
    if live is None or live.pk == version.pk:
        return judge_first(truth, challenger)
    try:
        predictor = load_predictor(fetch_artifact(live.digest, settings.MODEL_CACHE_DIR))
        champion = answer_holdout(predictor, selection, on_progress=on_progress).for_gate(f"v{live.number}")
    except (ArtifactDamaged, MlError) as problem:
        verdict = judge_first(truth, challenger)
        verdict.warnings.append(f"The live version v{live.number} could not be loaded for a comparison: {problem}")
        return verdict
    return judge(truth, challenger, champion, policy=policy, margin=margin)


def select_holdout(*, classifier: Classifier, dataset_names: Sequence[str] = ()) -> Selection:
    """The examples of the classifier's datasets as a run would sort them now. Raises NotFound, Refused."""
    snapshot = take_snapshot(classifier=classifier, dataset_names=dataset_names)
    try:
        folders = [fetch_dataset(dataset, dataset_cache_dir()) for dataset in snapshot.datasets]
        return select_examples(folders, snapshot.labels)
    except (MlError, DatasetDamaged) as problem:
        raise Refused("malformed_request", str(problem)) from problem
