"""All rows, one file per entity."""

from classifier.models.api_token import ApiToken
from classifier.models.batch_job import BatchItem, BatchJob
from classifier.models.broker_request import BrokerRequest
from classifier.models.classifier import Classifier, GatePolicy, Label
from classifier.models.dataset import Dataset
from classifier.models.deletion import Deletion
from classifier.models.evaluation_request import EvaluationRequest
from classifier.models.explanation import Explanation
from classifier.models.idempotency_key import IdempotencyKey
from classifier.models.image import Image
from classifier.models.import_job import ImportJob
from classifier.models.model_version import LiveVersionChange, ModelVersion, PromotionRequest
from classifier.models.prediction import Prediction
from classifier.models.review import AuditDraw, Review, Suggestion, TrainingExample
from classifier.models.training_run import TrainingRun
from classifier.models.webhook import Webhook, WebhookDelivery
from classifier.models.worker_heartbeat import WorkerHeartbeat

__all__ = [
    "ApiToken",
    "AuditDraw",
    "BatchItem",
    "BatchJob",
    "BrokerRequest",
    "Classifier",
    "Dataset",
    "Deletion",
    "EvaluationRequest",
    "Explanation",
    "GatePolicy",
    "IdempotencyKey",
    "Image",
    "ImportJob",
    "Label",
    "LiveVersionChange",
    "ModelVersion",
    "Prediction",
    "PromotionRequest",
    "Review",
    "Suggestion",
    "TrainingExample",
    "TrainingRun",
    "Webhook",
    "WebhookDelivery",
    "WorkerHeartbeat",
]
