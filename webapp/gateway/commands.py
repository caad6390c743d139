"""The commands train and evaluate: begun and written down in one commit; answered when their work has ended."""

from __future__ import annotations

from django.conf import settings

from classifier.broker_replies import describe_unchanged
from classifier.broker_requests import Asked, Kind, record_command, refuse_request
from classifier.classifiers import find_classifier
from classifier.errors import NotAllowed, Refused
from classifier.evaluation_requests import request_evaluation
from classifier.models import EvaluationRequest, TrainingRun
from classifier.models.evaluation_request import OPEN
from classifier.promotions import find_model_version
from classifier.training_runs import UnchangedError
from classifier.write_transactions import write_transaction
from tasks.training_options import read_options
from tasks.training_requests import queue_training
from webapp.gateway.message_formats import Request


def begin_command(asked: Asked, request: Request) -> None:
    """Raises CompanionExists, and what asking for the work raises."""
    if request.kind not in settings.GATEWAY_COMMANDS:
        raise NotAllowed(f"This gateway does not take the command {request.kind}. Ask its operator (GATEWAY_COMMANDS).")
    if request.kind == Kind.TRAIN:
        _begin_training(asked, request)
    else:
        _begin_evaluation(asked, request)


def _begin_training(asked: Asked, request: Request) -> None:
    options = read_options(request.options)
    slug = find_classifier(request.classifier).slug
    try:
        with write_transaction():
            run = queue_training(slug=slug, options=options, name=request.name, source=TrainingRun.Source.BROKER)
            record_command(asked, run=run)
    except UnchangedError as unchanged:
        refuse_request(asked, answer=describe_unchanged(asked.message_id, slug, unchanged))


def _begin_evaluation(asked: Asked, request: Request) -> None:
    """Where the version is being measured already, that measuring answers this request too."""
    if request.options:
        raise Refused("malformed_request", f"evaluate knows no {', '.join(sorted(request.options))[:200]}.")
    version = find_model_version(classifier=find_classifier(request.classifier), name=request.model)
    with write_transaction():
        under_way = EvaluationRequest.objects.filter(OPEN, version=version).first()
        record_command(asked, evaluation=under_way or request_evaluation(version=version, user=None))
