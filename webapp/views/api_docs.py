"""The API's documentation page, served from here: no outside address."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI as django-ninja ships it, pointed at our OpenAPI document."""
    settings = {"url": reverse("api-v1:openapi-json"), "layout": "BaseLayout", "deepLinking": True}
    return render(
        request, "ninja/swagger.html", {"api": {"title": "Whatsit API"}, "swagger_settings": json.dumps(settings)}
    )
