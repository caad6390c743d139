"""The Celery app: queues `gpu`, `train` and `default`, and how each connects to Redis."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "classifier.settings")

from django.conf import settings

from classifier.request_ids import HEADER, bind_request_id
from tasks.schedule import BEAT_SCHEDULE

app = Celery("whatsit")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_transport="tasks.redis_transport:Transport",
    include=[
        "tasks.prediction",
        "tasks.promoting",
        "tasks.explaining_bell",
        "tasks.training",
        "tasks.housekeeping",
        "tasks.import_jobs",
        "tasks.deletions",
        "tasks.scheduling",
        "tasks.evaluation_bell",
        "tasks.webhooks",
    ],
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue="default",
    task_queues=[Queue("gpu"), Queue("train"), Queue("default")],
    task_routes={
        "tasks.prediction.*": {"queue": "gpu"},
        "tasks.promoting.*": {"queue": "gpu"},
        "tasks.explaining_bell.*": {"queue": "gpu"},
        "tasks.training.*": {"queue": "train"},
        "tasks.evaluation_bell.*": {"queue": "train"},
    },
    task_track_started=False,
    timezone="UTC",
    # Threads, not processes: CUDA does not survive a fork, and one TensorFlow a core would fill the memory.
    worker_pool="threads",
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Without these a half-open connection is not noticed for minutes.
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "visibility_timeout": 3600,
    },
    beat_schedule=BEAT_SCHEDULE,
    beat_schedule_filename=str(settings.VAR_DIR / "beat-schedule"),
    beat_max_loop_interval=30,
)
app.steps["worker"].add("tasks.drain:DrainStep")
app.steps["worker"].add("tasks.promotion_loop:PromotionStep")
app.steps["worker"].add("tasks.explanation_loop:ExplanationStep")
app.steps["worker"].add("tasks.train_loop:TrainStep")
app.steps["worker"].add("tasks.evaluation_loop:EvaluationStep")
app.steps["worker"].add("tasks.housekeeping_loop:HousekeepingStep")
app.steps["worker"].add("tasks.import_loop:ImportStep")
app.steps["worker"].add("tasks.deletion_loop:DeletionStep")
app.steps["worker"].add("tasks.deletion_loop:CacheStep")
app.steps["worker"].add("tasks.webhook_loop:WebhookStep")


@setup_logging.connect
def keep_our_logging(**options: Any) -> None:
    """Django has set logging up, by LOG_LEVEL and one JSON object a line; Celery would set a level of its own."""


@task_prerun.connect
def note_request(task: Any, **options: Any) -> None:
    """What a task logs and sends on is of the request that rang for it."""
    bind_request_id((task.request.headers or {}).get(HEADER))


@task_postrun.connect
def forget_request(**options: Any) -> None:
    """The thread's next task is of another request."""
    bind_request_id(None)
