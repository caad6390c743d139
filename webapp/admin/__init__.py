"""Django's admin, plain: everything can be looked at, and changed through domain verbs only.

Idempotency keys are not shown: they are answers kept for a day, of no use to a person.
"""

from django.contrib import admin

from webapp.admin import (
    api_tokens,
    classifiers,
    deletions,
    images,
    model_versions,
    predictions,
    requests,
    reviews,
    training,
    webhooks,
    workers,
)

__all__ = [
    "api_tokens",
    "classifiers",
    "deletions",
    "images",
    "model_versions",
    "predictions",
    "requests",
    "reviews",
    "training",
    "webhooks",
    "workers",
]

admin.site.site_header = "Whatsit"
admin.site.site_title = "Whatsit"
admin.site.index_title = "Look inside"
