"""The Django app that holds every row of the product."""

from __future__ import annotations

from django.apps import AppConfig


class ClassifierConfig(AppConfig):
    name = "classifier"
    verbose_name = "Whatsit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from classifier import checks  # noqa: F401 - registering system checks needs the app registry
