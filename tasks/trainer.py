"""The work on one claimed run: pictures, recipe, epochs, artifact, verdict. Every step is told as it happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from classifier.artifact_storage import save_artifact_folder
from classifier.datasets import dataset_cache_dir, fetch_dataset
from classifier.errors import Conflict
from classifier.model_registry import register_version
from classifier.models import ModelVersion, TrainingRun
from classifier.promotion_gate import Verdict
from classifier.promotions import PromotionMode, apply_verdict
from classifier.reviewed_examples import frozen_examples, record_parts
from classifier.training_checkpoints import fetch_checkpoint, save_checkpoint
from classifier.training_runs import (
    ClaimedRun,
    add_log,
    describe_data,
    record_epoch,
)
from classifier.training_snapshots import datasets_of_snapshot
from ml.data_types import Progress, TrainingData
from ml.packed_pictures import stream_training_data
from ml.recipes import RecipeChoice
from ml.training_examples import Selection, load_training_data, parts_by_content, refuse_too_small, select_examples
from ml.training_settings import TrainingSettings
from tasks.feature_storage import feature_store
from tasks.judging import judge_version
from tasks.recipe_choice import choose_preprocessing, choose_run_recipe, choose_settings
from tasks.reviewed_packing import pack_reviewed
from tasks.run_keeper import RunKeeper
from tasks.training_folders import weights_folder
from tasks.training_options import RunOptions

OnNews = Callable[[str, float, str], None]
"""Hears `(phase, share of the phase done from 0 to 1, sentence)`."""
CHECKPOINT: Final = "checkpoint.npz"
CURVE: Final = (
    "phase",
    "loss",
    "accuracy",
    "learning_rate",
    "validation_loss",
    "validation_accuracy",
    "elapsed_seconds",
)


class RunStoppedError(Conflict):
    """Somebody cancelled the run, or another process took it over."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a finished run made. `stage` is where the gate put the version."""

    run_id: UUID
    version: ModelVersion
    stage: ModelVersion.Stage
    verdict: Verdict
    metrics: dict[str, Any]


class Trainer:
    """One run in this process' hands."""

    def __init__(self, run: TrainingRun, claimed: ClaimedRun, keeper: RunKeeper, on_news: OnNews) -> None:
        self.run, self.claimed, self.keeper, self.on_news = run, claimed, keeper, on_news
        self.options = RunOptions.from_row(run.settings)
        self.curves: list[dict[str, Any]] = list(run.curves)
        self.checkpoint = Path()

    def train(self, folder: Path) -> TrainingReport:
        selection = self._select(folder / "reviewed")
        choice = choose_run_recipe(self.options, selection, weights_folder())
        data = self._load(selection, choice)
        artifact = folder / "artifact"
        self.checkpoint = folder / CHECKPOINT
        if fetch_checkpoint(self.run.id, self.checkpoint):
            self._log("Going on from the last stored epoch.")
        self._fit(data, choose_settings(self.options, choice, self.run.classifier, selection), artifact)
        version = self._register(artifact)
        verdict = self._judge(version, artifact, selection)
        self._stop_if_told()
        stage = apply_verdict(version=version, verdict=verdict, mode=PromotionMode(self.options.promote))
        version.refresh_from_db()
        self._log(f"v{version.number}: {' '.join(verdict.sentences)}")
        return TrainingReport(self.run.id, version, stage, verdict, version.metrics)

    def _select(self, reviewed: Path) -> Selection:
        folders = []
        datasets = datasets_of_snapshot(self.run.snapshot)
        for place, dataset in enumerate(datasets):
            self._tell("fetching", place / len(datasets), f"fetching dataset {dataset.name}")
            folders.append(fetch_dataset(dataset, dataset_cache_dir()))
        examples = frozen_examples(self.run.id)
        if examples:
            pack_reviewed(
                examples, reviewed, on_progress=lambda done, total: self._tell_count("collecting", done, total)
            )
            folders.append(reviewed)
        selection = select_examples(folders, self.run.snapshot["labels"], corrections=reviewed if examples else None)
        if examples:
            record_parts(run_id=self.run.id, parts=parts_by_content(selection, reviewed))
        refuse_too_small(selection)
        describe_data(self.claimed, counts={"counts": selection.counts, "left_out": selection.left_out})
        return selection

    def _load(self, selection: Selection, choice: RecipeChoice) -> TrainingData:
        preprocessing = choose_preprocessing(self.options, choice, selection)
        self._log(choice.reason)
        counts = ", ".join(f"{sum(by_label.values()):,} {split}" for split, by_label in selection.counts.items())
        left_out = sum(selection.left_out.values())
        self._log(
            f"{len(selection.labels)} labels, {counts}, {left_out:,} left out; "
            f"{preprocessing.name} {preprocessing.width}x{preprocessing.height}"
        )
        fingerprint = self.run.snapshot["fingerprint"]
        if choice.recipe == "transfer":  # which looks at each picture once
            return stream_training_data(selection, preprocessing, fingerprint=fingerprint)
        return load_training_data(
            selection,
            preprocessing,
            fingerprint=fingerprint,
            on_progress=lambda done, total: self._tell_count("preparing", done, total),
        )

    def _fit(self, data: TrainingData, recipe: TrainingSettings, artifact: Path) -> None:
        # TensorFlow: loaded by the process that trains, and by no other.
        from ml.device import prepare_device
        from ml.training import train

        prepare_device()
        self._log(f"{recipe.epochs} epochs, batches of {recipe.batch_size}, seed {recipe.seed}")
        outcome = train(
            data,
            recipe,
            folder=artifact,
            on_progress=self._hear,
            should_stop=lambda: self.keeper.must_stop,
            checkpoint=self.checkpoint,
            weights_folder=weights_folder(),
            feature_store=feature_store(),
        )
        if not outcome.finished:
            raise RunStoppedError("The training was cancelled.")

    def _hear(self, news: Progress) -> None:
        if news.remark:
            self._log(news.remark)
        if news.phase == "features":
            sentence = f"features of {news.step:,} of {news.steps_per_epoch:,} pictures"
            self._tell(news.phase, news.share_done, sentence, news.remaining_seconds)
            return
        sentence = f"epoch {news.epoch + 1}/{news.epochs}, loss {news.loss:.3f}, accuracy {news.accuracy:.1%}"
        self.keeper.note(news.phase, news.share_done, news.remaining_seconds, self._facts(news))
        self.on_news(news.phase, news.share_done, sentence)
        if news.validation_accuracy is None:
            return
        if self.checkpoint.exists():  # a head on features trains in seconds and is made anew instead
            save_checkpoint(self.run.id, self.checkpoint)
        figures = {name: value for name, value in asdict(news).items() if name in CURVE}
        # Each phase counts its own epochs; a resumed one writes its last again.
        earlier = [entry for entry in self.curves if entry.get("phase", "training") != news.phase]
        same = [entry for entry in self.curves if entry.get("phase", "training") == news.phase][: news.epoch]
        self.curves = [*earlier, *same, {**figures, "epoch": news.epoch + 1}]
        line = f"{sentence}, validation {news.validation_accuracy:.2%}, {news.elapsed_seconds:.0f} s"
        record_epoch(self.claimed, curves=self.curves, line=f"{timezone.now():%H:%M:%S} {line}")

    def _facts(self, news: Progress) -> dict[str, Any]:
        """Between epochs the accuracy is that of the last epoch's end on validation."""
        last = self.curves[-1] if self.curves else {}
        known = last.get("validation_accuracy") if last.get("phase", "training") == news.phase else None
        accuracy = known if news.validation_accuracy is None else news.validation_accuracy
        return {"epoch": news.epoch + 1, "epochs": news.epochs, "accuracy": accuracy}

    def _register(self, artifact: Path) -> ModelVersion:
        self._stop_if_told()
        manifest = json.loads((artifact / "manifest.json").read_text(encoding="utf-8"))
        return register_version(
            classifier=self.run.classifier,
            digest=save_artifact_folder(artifact),
            manifest=manifest,
            metrics=manifest["metrics"],
            training_run=self.run,
        )

    def _judge(self, version: ModelVersion, artifact: Path, selection: Selection) -> Verdict:
        policy, margin = self.options.gate(self.run.classifier)
        return judge_version(
            version=version,
            artifact=artifact,
            selection=selection,
            policy=policy,
            margin=margin,
            on_progress=lambda done, total: self._tell_count("measuring", done, total),
        )

    def _tell_count(self, phase: str, done: int, total: int) -> None:
        if done % 256 == 0 or done == total:
            self._stop_if_told()
            self._tell(phase, done / total, f"{phase} {done:,} of {total:,}")

    def _tell(self, phase: str, share: float, sentence: str, remaining_seconds: float | None = None) -> None:
        self.keeper.note(phase, share, remaining_seconds)
        self.on_news(phase, share, sentence)

    def _log(self, line: str) -> None:
        add_log(self.claimed, f"{timezone.now():%H:%M:%S} {line}")

    def _stop_if_told(self) -> None:
        if self.keeper.must_stop:
            raise RunStoppedError("The training was cancelled.")
