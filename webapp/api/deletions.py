"""DELETE /images/{id}: the picture and all that was made of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from classifier.deletions import delete_image
from webapp.access import deletion_asker, get_deletable_image
from webapp.api.schemas import Error

_ERRORS = {401: Error, 403: Error, 404: Error, 503: Error}


def add_deletion(router: Router) -> None:
    """Beside the other calls of the same address, which one router must hold together."""
    router.add_api_operation(
        "/images/{image_id}",
        ["DELETE"],
        delete_one,
        operation_id="delete_image",
        response={204: None, **_ERRORS},
        summary="Delete a picture everywhere",
    )


def delete_one(request: HttpRequest, image_id: Annotated[str, Path(description="An image's id")]) -> HttpResponse:
    """Its rows and file are gone with the answer; datasets that hold the same picture follow within a minute. One's own
    pictures, or anybody's for people with the right."""
    delete_image(
        image=get_deletable_image(request, image_id), asked_by=deletion_asker(request), reason="Asked through the API."
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
