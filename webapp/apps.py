"""The Django app of the edges: pages, REST, sockets, admin and commands."""

from __future__ import annotations

from django.apps import AppConfig


class WebappConfig(AppConfig):
    name = "webapp"
    verbose_name = "Whatsit pages"

    def ready(self) -> None:
        from webapp.metrics import install_collector  # needs the app registry

        install_collector()
