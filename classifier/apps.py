"""The Django app that holds every row of the product."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from classifier.roles import bring_roles_up_to_date


class ClassifierConfig(AppConfig):
    name = "classifier"
    verbose_name = "Whatsit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from classifier import checks  # noqa: F401 - registering system checks needs the app registry

        post_migrate.connect(bring_roles_up_to_date, sender=self)
