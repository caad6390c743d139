"""The API object: its resources, its one way to know the caller, its errors."""

from __future__ import annotations

from webapp.api import (
    classifiers,
    datasets,
    deletions,
    images,
    imports,
    labels,
    models,
    reviews,
    tokens,
    training_runs,
    webhooks,
)
from webapp.api.errors import install_error_handlers
from webapp.api.identity import identify
from webapp.api.json_bodies import JsonBodies
from webapp.api.openapi import INTRODUCTION, VERSION, DocumentedAPI

api = DocumentedAPI(
    title="Whatsit",
    version=VERSION,
    description=INTRODUCTION,
    parser=JsonBodies(),
    urls_namespace="api-v1",
    docs_url=None,
    openapi_url="/openapi.json",
    auth=[identify],
)
install_error_handlers(api)
deletions.add_deletion(images.router)
for resource in (
    images,
    reviews,
    classifiers,
    labels,
    datasets,
    imports,
    training_runs,
    models,
    tokens,
    webhooks,
):
    api.add_router("", resource.router)
