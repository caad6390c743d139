"""What a broker's asker is told: the answer to a picture, to a refused request, and to a command that has ended."""

from __future__ import annotations

from typing import Any, Final, TypedDict

from classifier.errors import WhatsitError
from classifier.models import BrokerRequest, EvaluationRequest, ModelVersion, Prediction, TrainingRun
from classifier.presentation import describe_prediction
from classifier.run_presentation import version_of
from classifier.training_runs import UnchangedError
from classifier.upload_requests import NothingAccepted

GIVEN_UP: Final = "This message could not be worked on, whatever was tried. It was put aside for the operator."
DELETED: Final = "What this request was about was deleted before it could be answered."


class ReplyError(TypedDict):
    code: str
    message: str


class Reply(TypedDict, total=False):
    """The fields of interface.md always; those of a command only where it was one."""

    id: str
    state: str
    label: str | None
    confidence: float | None
    unsure: bool
    scores: list[Any]
    model: dict[str, Any] | None
    error: ReplyError | None
    image: str | None
    command: str
    classifier: str
    run: str
    metrics: dict[str, Any] | None
    verdict: dict[str, Any] | None


def describe_answer(request: BrokerRequest) -> dict[str, Any]:
    """The answer to a request whose work has ended."""
    if request.training_run is not None:
        return dict(_describe_run(request.message_id, request.training_run))
    if request.evaluation is not None:
        return dict(_describe_evaluation(request.message_id, request.evaluation))
    if request.image is None:
        return dict(_empty(request.message_id, "refused", _error("not_found", DELETED)))
    prediction = request.prediction or request.image.current_prediction
    if prediction is None:
        return dict(_empty(request.message_id, "refused", _error("not_found", DELETED)))
    return dict(_describe_picture(request, prediction))


def describe_refusal(message_id: str, problem: WhatsitError) -> dict[str, Any]:
    """Nothing was done, and why."""
    if isinstance(problem, NothingAccepted):
        return dict(_empty(message_id, "refused", _error(problem.code, problem.rejected[0].message)))
    return dict(_empty(message_id, "refused", _error(problem.code, problem.message)))


def describe_given_up(message_id: str) -> dict[str, Any]:
    """The message lies among the dead letters."""
    return dict(_empty(message_id, "refused", _error("given_up", GIVEN_UP)))


def describe_unchanged(message_id: str, slug: str, unchanged: UnchangedError) -> dict[str, Any]:
    """There is nothing new to learn: the version that data and settings have given already."""
    reply = _empty(message_id, "unchanged", None) | {
        "command": "train",
        "classifier": slug,
        **_facts(unchanged.version),
    }
    reply["verdict"] = {"reasons": [unchanged.message]}
    return dict(reply)


def _describe_picture(request: BrokerRequest, prediction: Prediction) -> Reply:
    item = describe_prediction(prediction)
    failure = item["failure"]
    return {
        "id": request.message_id,
        "state": item["state"],
        "label": item["label"],
        "confidence": item["confidence"],
        "unsure": item["unsure"],
        "scores": list(item["scores"]),
        "model": dict(item["model"]) if item["model"] else None,
        "error": _error(failure["code"], failure["message"]) if failure else None,
        "image": str(request.image_id),
    }


def _describe_run(message_id: str, run: TrainingRun) -> Reply:
    error = None if run.state == TrainingRun.State.DONE else _error(f"training_{run.state}", run.outcome)
    reply = _empty(message_id, run.state, error)
    reply |= {"command": "train", "classifier": run.classifier.slug, "run": str(run.id)}
    version = version_of(run)
    return reply | _facts(version) if version else reply


def _describe_evaluation(message_id: str, evaluation: EvaluationRequest) -> Reply:
    is_done = evaluation.state == EvaluationRequest.State.DONE
    error = None if is_done else _error("evaluation_failed", evaluation.outcome)
    version = evaluation.version
    reply = _empty(message_id, evaluation.state, error)
    reply |= {"command": "evaluate", "classifier": version.classifier.slug, **_facts(version)}
    if is_done:
        reply["metrics"] = _figures(version.evaluation)
    return reply


def _facts(version: ModelVersion) -> Reply:
    return {
        "model": {"id": str(version.id), "version": version.number, "stage": version.stage},
        "metrics": _figures(version.metrics.get("holdout") or {}),
        "verdict": version.verdict or None,
    }


def _figures(measured: dict[str, Any]) -> dict[str, Any]:
    """Single numbers; whole matrices and curves stay with the version."""
    return {name: value for name, value in measured.items() if isinstance(value, int | float)}


def _empty(message_id: str, state: str, error: ReplyError | None) -> Reply:
    return {
        "id": message_id,
        "state": state,
        "label": None,
        "confidence": None,
        "unsure": False,
        "scores": [],
        "model": None,
        "error": error,
    }


def _error(code: str, message: str) -> ReplyError:
    return {"code": code, "message": message}
