"""The action "Delete everywhere": asks once more, then calls the domain verb. There is no other way to delete here."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from classifier.deletions import delete_images
from classifier.models import Image
from webapp.access import deletion_asker

MOST_AT_ONCE = 2000
SHOWN = 24


def delete_chosen(request: HttpRequest, model_admin: ModelAdmin[Any], chosen: QuerySet[Image]) -> HttpResponse | None:
    """The page that asks; None once it was answered and the images are gone."""
    ids = list(chosen.order_by("-id").values_list("id", flat=True)[: MOST_AT_ONCE + 1])
    if len(ids) > MOST_AT_ONCE:
        messages.error(request, f"Choose at most {MOST_AT_ONCE:,} pictures at once. Nothing was deleted.")
        return None
    if "confirmed" in request.POST:
        count = delete_images(image_ids=ids, asked_by=deletion_asker(request), reason="Asked in the admin.")
        messages.success(request, f"Deleted everywhere: {count:,} {'picture' if count == 1 else 'pictures'}.")
        return None
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Delete everywhere?",
        "opts": model_admin.model._meta,
        "count": len(ids),
        "ids": ids,
        "shown": list(chosen.order_by("-id")[:SHOWN]),
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/delete_images.html", context)
