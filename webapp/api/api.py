"""The API object: its resources, its one way to know the caller, its errors."""

from __future__ import annotations

from ninja import NinjaAPI

from webapp.api import classifiers, deletions, images, reviews, tokens
from webapp.api.errors import install_error_handlers
from webapp.api.identity import identify

api = NinjaAPI(
    title="Whatsit",
    version="1.0.0",
    description='Send a picture, read what it is. Errors: {"error": {"code", "message", "details"}}.',
    urls_namespace="api-v1",
    docs_url=None,
    openapi_url="/openapi.json",
    auth=[identify],
)
install_error_handlers(api)
deletions.add_deletion(images.router)
api.add_router("", images.router)
api.add_router("", classifiers.router)
api.add_router("", reviews.router)
api.add_router("", tokens.router)
