"""Socket addresses."""

from __future__ import annotations

from django.urls import path

from webapp.consumers import ResultsConsumer

websocket_urlpatterns = [path("ws/results/", ResultsConsumer.as_asgi())]
