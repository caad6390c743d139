"""The API's documentation page, served from here: no outside address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI as django-ninja ships it, in our page, pointed at our OpenAPI document; a login may try calls out."""
    address = reverse("api-v1:openapi-json")
    # Links within the buttons that open a call could not be reached by keyboard.
    settings = {
        "url": address,
        "layout": "BaseLayout",
        "deepLinking": False,
        "filter": True,
        "displayRequestDuration": True,
        "defaultModelsExpandDepth": 0,
        "syntaxHighlight": {"activated": False},
        "validatorUrl": None,
    }
    return render(request, "api_docs.html", {"document_address": address, "swagger_settings": settings})
