"""An evaluation on its way to where pages read it: figures, pictures, and what changed against another version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.evaluations import store_evaluation
from classifier.identifiers import parse_id
from classifier.models import Dataset, ModelVersion
from ml.data_types import Split
from ml.datasets import DatasetError
from ml.training_examples import ORDER, Selection
from tasks.evaluation_pictures import Pick, changed_answers, pick_cells, pick_changes, write_pack
from tasks.holdout_answers import HoldoutResult


@dataclass(frozen=True, slots=True)
class Opponent:
    """Another version's answers to the same pictures."""

    version: ModelVersion
    result: HoldoutResult


def keep_evaluation(
    *, version: ModelVersion, result: HoldoutResult, selection: Selection, opponent: Opponent | None = None
) -> dict[str, Any]:
    """Measure the answers and store the figures with their pictures; returns the figures. Raises DatasetError."""
    figures = result.measure(version.manifest)
    if not figures["count"]:
        return figures
    picks: list[Pick] = pick_cells(result)
    figures |= {"datasets": dataset_names(selection), "holdout_digest": digest_holdout(selection)}
    if opponent is not None:
        newly_wrong, newly_right = changed_answers(result, opponent.result)
        figures["against"] = {
            "id": str(opponent.version.id),
            "number": opponent.version.number,
            "newly_right": int(newly_right.sum()),
            "newly_wrong": int(newly_wrong.sum()),
        }
        picks += pick_changes(result, opponent.result)
    return store_evaluation(version_id=version.id, figures=figures, pack=write_pack(selection, picks)) or figures


def dataset_names(selection: Selection) -> list[str]:
    """The datasets that gave the pictures, by name; reviewed images come from none."""
    ids = {found for choice in selection.shards if (found := parse_id(choice.folder.name))}
    return sorted(Dataset.objects.filter(id__in=ids).values_list("name", flat=True))


def digest_holdout(selection: Selection) -> str:
    """Equal for the same pictures under the same labels, so that two versions' figures may be set side by side.

    Raises DatasetError where a packed file cannot be read.
    """
    holdout = ORDER.index(Split.HOLDOUT)
    entries: list[bytes] = []
    for choice in selection.shards:
        path = choice.folder / choice.entry.name
        try:
            with np.load(path, allow_pickle=False) as stored:  # reads this one array of the file
                contents = stored["contents"]
        except (OSError, ValueError, KeyError, EOFError) as problem:
            raise DatasetError(f"{path} cannot be read: {problem}") from problem
        places = np.flatnonzero(choice.parts == holdout).tolist()
        entries += [bytes(contents[place]) + selection.labels[choice.labels[place]].encode() for place in places]
    return hashlib.sha256(b"\0".join(sorted(entries))).hexdigest()
