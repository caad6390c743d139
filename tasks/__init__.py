"""Celery: the app, its queues and its tasks. Thin: read ids, call a domain verb and ml, call a domain verb."""

from tasks.celery_app import app

__all__ = ["app"]
