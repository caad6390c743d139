"""What the page of a model version shows, gathered for its template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from classifier.artifact_storage import stored_size
from classifier.errors import NotFound, StorageUnavailable
from classifier.evaluation_requests import newest_request, why_not_measurable
from classifier.identifiers import parse_id
from classifier.model_registry import find_undoable_promotion
from classifier.models import EvaluationRequest, ModelVersion, PromotionRequest
from classifier.picture_packs import read_pack_index
from classifier.promotion_requests import why_no_rollback, why_not_promotable
from classifier.version_comparison import compare_versions
from classifier.version_figures import read_accuracy, read_target_curve
from classifier.version_report import (
    confused_pairs,
    confusion_rows,
    measured_at,
    newest_live_change,
    pack_mark,
    verdict_numbers,
    weakest_label_rows,
)
from webapp.access import may_promote, may_train

MOST_VERSIONS: Final = 12
_MAY_NOT: Final = "You may look, but not do this. Ask the owner of this site."
_SPLITS: Final = ("train", "validation", "holdout")
_STEPS: Final = {
    "grey_bright_on_dark": "in grey, bright on a dark ground",
    "scale_0_1": "in colour",
    "scale_minus1_1": "in colour",
    "imagenet_bgr": "in colour",
    "imagenet_standard": "in colour",
}
_HEAVY: Final = ("manifest", "metrics", "verdict", "evaluation")


@dataclass(frozen=True, slots=True)
class Fact:
    """A term and what it is; with an address it is a link."""

    term: str
    words: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One small picture of the pack, with what its index says."""

    address: str
    confidence: float | None
    truth: str
    before: str
    now: str
    content: str


def describe_model_page(request: HttpRequest, version: ModelVersion, other_id: str) -> dict[str, Any]:
    """The whole context. Raises NotFound where `other_id` names no other version of the classifier."""
    versions = list(ModelVersion.objects.filter(classifier=version.classifier).order_by("-number").defer(*_HEAVY))
    actions = _describe_actions(request, version)
    return {
        "version": version,
        "classifier": version.classifier,
        "versions": versions[:MOST_VERSIONS],
        "others": [other for other in versions if other.pk != version.pk],
        "facts": describe_origin(version),
        "change": newest_live_change(version),
        "accuracy": read_accuracy(version),
        "evaluation": version.evaluation,
        "measured_at": measured_at(version),
        "target_curve": read_target_curve(version),
        "verdict": version.verdict,
        "verdict_numbers": verdict_numbers(version.verdict),
        "labels": weakest_label_rows(version),
        "label_count": len(version.evaluation.get("per_label", [])),
        "confusion": confusion_rows(version),
        "pairs": confused_pairs(version),
        "page_data": {
            "live_path": "/ws/results/",
            "version": str(version.id),
            "classifier": version.classifier.slug,
            "is_waiting": actions["is_promoting"] or actions["is_measuring"],
        },
        **actions,
        **_describe_comparison(version, other_id),
    }


def describe_origin(version: ModelVersion) -> list[Fact]:
    """Where the version comes from and what it is, as far as its manifest tells."""
    manifest, run = version.manifest, version.training_run
    recipe = manifest.get("recipe") or {}
    preparing = manifest.get("preprocessing") or {}
    facts = [Fact("Registered", f"{version.created_at:%-d %b %Y, %H:%M} UTC")]
    if run is not None:
        facts.append(Fact("Training", run.name or f"run of {run.created_at:%-d %b %Y}", _address("training", run.id)))
        names = [entry["name"] for entry in run.snapshot.get("datasets", [])]
        facts += [Fact("Learned from", ", ".join(names))] if names else []
    examples = (version.metrics.get("examples") or {}) if version.metrics else {}
    if examples:
        splits = [split for split in _SPLITS if split in examples]
        facts.append(Fact("Examples", ", ".join(f"{examples[split]:,} {split}" for split in splits)))
    if recipe:
        kind = str(recipe.get("recipe", ""))
        network = str(recipe.get("backbone" if kind == "transfer" else "network") or "")
        parts = [kind, network.replace("_", " "), _epochs(recipe)]
        facts.append(Fact("Recipe", ", ".join(filter(None, parts))))
    if preparing:
        steps = _STEPS.get(preparing["name"], preparing["name"].replace("_", " "))
        facts.append(Fact("Sees", f"{preparing['width']} by {preparing['height']} pixels, {steps}"))
    size = _size(version)
    facts += [Fact("Size", f"{size / 1_000_000:.1f} MB")] if size else []
    facts += [Fact("Labels", f"{len(version.labels):,}"), Fact("Digest", version.digest[:12])]
    return facts


def show_pictures(version: ModelVersion, folder: str, index: dict[str, list[dict[str, Any]]]) -> list[ShownPicture]:
    """The pictures of one folder of the version's pack."""
    mark = pack_mark(version)
    return [
        ShownPicture(
            reverse("model-picture", args=[version.id, mark, folder, number]),
            facts.get("confidence"),
            facts.get("truth", ""),
            facts.get("before", ""),
            facts.get("now", ""),
            facts.get("content", "")[:12],
        )
        for number, facts in enumerate(index.get(folder, []) if mark else [])
    ]


def _describe_actions(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    """The buttons, each with the reason why it cannot be pressed."""
    undone = find_undoable_promotion(version.classifier)
    promotion = PromotionRequest.objects.filter(version=version).first()
    evaluation = newest_request(version)
    no_right = "" if may_promote(request.user) else _MAY_NOT
    return {
        "is_live": version.classifier.live_version_id == version.pk,
        "why_not_promotable": no_right or why_not_promotable(version),
        "why_no_rollback": no_right or why_no_rollback(version.classifier),
        "rollback_to": undone.previous if undone else None,
        "promotion": promotion,
        "is_promoting": promotion is not None and promotion.state == PromotionRequest.State.WAITING,
        "why_not_measurable": why_not_measurable(version) if may_train(request.user) else _MAY_NOT,
        "evaluation_trouble": evaluation.outcome
        if evaluation and evaluation.state == EvaluationRequest.State.FAILED
        else "",
        "is_measuring": evaluation is not None
        and evaluation.state in {EvaluationRequest.State.WAITING, EvaluationRequest.State.RUNNING},
    }


def _describe_comparison(version: ModelVersion, other_id: str) -> dict[str, Any]:
    """With the version asked for, else with the one that the pack's changed pictures are about."""
    against = version.evaluation.get("against") or {}
    chosen = other_id or against.get("id", "")
    parsed = parse_id(chosen) if chosen else None
    others = ModelVersion.objects.filter(classifier=version.classifier).exclude(pk=version.pk)
    other = others.filter(id=parsed).first() if parsed else None
    if other is None:
        if other_id:
            raise NotFound("There is no such version to compare with.")
        return {"comparison": None}
    changed: dict[str, Any] = {}
    if str(other.id) == against.get("id"):
        index = read_pack_index(version.evaluation.get("pack", ""))
        changed = {
            "against": against,
            "newly_wrong": show_pictures(version, "changes/wrong", index),
            "newly_right": show_pictures(version, "changes/right", index),
        }
    return {"comparison": compare_versions(version, other), **changed}


def _epochs(recipe: dict[str, Any]) -> str:
    return f"{recipe['epochs']} epochs" if recipe.get("epochs") else ""


def _size(version: ModelVersion) -> int:
    """Of its files in object storage; 0 where that is not known now."""
    try:
        return stored_size(version.digest, version.manifest.get("files") or {})
    except StorageUnavailable:
        return 0


def _address(name: str, *arguments: object) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
