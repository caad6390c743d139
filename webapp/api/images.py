"""/images: send, read, list, ask again, and the files themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Annotated, Final

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Path, Query, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from classifier.errors import WhatsitError
from classifier.explanations import read_heatmap, request_explanation
from classifier.image_files import open_image_file, thumbnail
from classifier.models import Explanation, Image, ModelVersion, Prediction
from classifier.prediction_requests import request_prediction
from classifier.presentation import ImageItem, describable, describe_image
from classifier.upload_requests import UploadAnswer
from classifier.uploads import accept_upload, find_version
from webapp import metrics
from webapp.access import get_image, may_see_all_images, sending_owner, visible_images
from webapp.api.answers import Cursor, IdempotencyKey, json_answer
from webapp.api.document_errors import ERRORS
from webapp.api.schemas import Error, ExplanationOut, ImageOut, ImagePageOut, PredictionIn, UploadOut
from webapp.image_lists import REVIEWED, STATES, read_page, read_wish
from webapp.picture_answers import answer_picture
from webapp.rate_limits import charge_call
from webapp.sent_files import sent_file

State = Prediction.State
NO_ANSWER: Final = "There is no answer to explain yet. Wait for it, then ask again."
HEATMAP_RETRY_SECONDS: Final = "2"
# The address without a version means another picture after the next answer.
HEATMAP_SECONDS: Final = 60

Wait = Annotated[float, Query(ge=0, le=30, description="Seconds to wait for the answers")]

router = Router(tags=["images"])
_ERRORS = dict.fromkeys(ERRORS, Error)


@router.post("/images", response={201: UploadOut, **_ERRORS}, summary="Send pictures and ask what they are")
def send_images(
    request: HttpRequest,
    file: Annotated[
        list[UploadedFile],
        File(description="1 to 100 pictures: JPEG, PNG or WebP"),
    ],
    classifier: Annotated[str | None, Form(description="A classifier's slug; default: the site's default")] = None,
    wait: Wait = 0.0,
    model: Annotated[str | None, Query(description="A model version's id; default: the live one")] = None,
    idempotency_key: IdempotencyKey = None,
) -> HttpResponse:
    """One entry per part in sending order; an error only if nothing was accepted. Repeats with the same
    Idempotency-Key get the first answer."""
    try:
        owner = sending_owner(request)
        charge_call(request, owner, pictures=len(file))
        answer = accept_upload(
            files=[sent_file(part) for part in file],
            owner=owner,
            source=upload_source(request),
            priority=Prediction.PERSON_WAITS if upload_source(request) == Image.Source.PAGE else Prediction.PROGRAM,
            classifier_slug=classifier,
            idempotency_key=idempotency_key,
            wished_version=model,
        )
    except Exception as problem:
        metrics.count_refusal(problem)
        raise
    metrics.count_upload(answer)
    _ask_to_wait(
        request,
        wait,
        [str(image.id) for image in answer.images],
        lambda images: render_answer(answer, {str(image.id): image for image in images}),
    )
    return HttpResponse(render_answer(answer), content_type="application/json", status=HTTPStatus.CREATED)


def upload_source(request: HttpRequest) -> str:
    """`page` when our own page says so (it is only a hint for priority), else `api`."""
    return Image.Source.PAGE if request.headers.get("X-Whatsit-Page") else Image.Source.API


def render_answer(answer: UploadAnswer, fresh: dict[str, Image] | None = None) -> bytes:
    """The JSON body; `fresh` holds newer rows by id after a wait."""
    images: list[ImageItem] = []
    seen: set[str] = set()
    for image in answer.images:
        key = str(image.id)
        newest = (fresh or {}).get(key, image)
        images.append(describe_image(newest, duplicate=image.id in answer.duplicates or key in seen))
        seen.add(key)
    rejected = [entry.as_json() for entry in answer.rejected]
    return json.dumps({"images": images, "rejected": rejected}, ensure_ascii=False).encode()


def _ask_to_wait(
    request: HttpRequest, seconds: float, ids: list[str], render: Callable[[Iterable[Image]], bytes]
) -> None:
    """Leave it to the HTTP bridge to wait without holding a thread, and to render again."""
    holder = request.META.get("whatsit.wait")
    if not seconds or holder is None or request.META["REQUEST_METHOD"] == "HEAD":
        return
    holder.image_ids, holder.seconds = ids, seconds
    holder.render = lambda: render(describable(Image.objects.filter(id__in=ids)))


class ImageFilters(Schema):
    """What `GET /images` can be narrowed by."""

    classifier: str | None = None
    label: str | None = None
    state: Annotated[str | None, Field(pattern=f"^({'|'.join(STATES)})$")] = None
    reviewed: Annotated[str | None, Field(pattern=f"^({'|'.join(REVIEWED)})$")] = None
    model: str | None = None
    min_confidence: Annotated[float | None, Field(ge=0, le=1)] = None
    source: Annotated[str | None, Field(pattern=f"^({'|'.join(Image.Source.values)})$")] = None
    name: Annotated[str | None, Field(max_length=255, description="Part of the file's name")] = None
    cursor: Cursor = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@router.get("/images", response={200: ImagePageOut, **_ERRORS}, summary="List pictures, newest first")
def list_images(request: HttpRequest, filters: Query[ImageFilters]) -> HttpResponse:
    """`next_cursor` continues where this page ends; it is null on the last one. Where a label, a version or a rare
    state is asked for, people who see everybody's pictures get those with the newest answers first."""
    page = read_page(
        visible_images(request),
        read_wish(filters.dict()),
        are_all=may_see_all_images(request.user),
        cursor=filters.cursor or "",
        limit=filters.limit,
    )
    images = [describe_image(image) for image in page.images]
    return json_answer({"images": images, "next_cursor": page.next_cursor})


ImageId = Annotated[str, Path(description="An image's id")]


@router.get("/images/{image_id}", response={200: ImageOut, **_ERRORS}, summary="One picture and its newest prediction")
def read_image(request: HttpRequest, image_id: ImageId, wait: Wait = 0.0) -> HttpResponse:
    """With `wait` the answer comes when the prediction is there, or the time is over."""
    return _answer_one(request, get_image(request, image_id), wait)


@router.post("/images/{image_id}/predictions", response={202: ImageOut, **_ERRORS}, summary="Ask again")
def ask_again(request: HttpRequest, image_id: ImageId, body: PredictionIn, wait: Wait = 0.0) -> HttpResponse:
    """By the live version or a named one; an answer which that version gave before is shown again."""
    sending_owner(request)
    image = get_image(request, image_id)
    wished = find_version(image.classifier, body.model)
    request_prediction(image=image, wished_version=wished, priority=Prediction.PERSON_WAITS)
    return _answer_one(request, get_image(request, image_id), wait, status=HTTPStatus.ACCEPTED)


def _answer_one(request: HttpRequest, image: Image, wait: float, *, status: int = HTTPStatus.OK) -> HttpResponse:
    """The image as it is, or as it is after the wait for its newest prediction."""
    first = describe_image(image)
    if first["state"] in {State.QUEUED, State.CLAIMED}:

        def render(images: Iterable[Image]) -> bytes:
            return json.dumps(next(map(describe_image, images), first), ensure_ascii=False).encode()

        _ask_to_wait(request, wait, [first["id"]], render)
    return json_answer(first, status=status)


@router.get("/images/{image_id}/file", summary="The stored picture", response={200: None, **_ERRORS})
def read_file_of_image(request: HttpRequest, image_id: ImageId) -> HttpResponse:
    image = get_image(request, image_id)
    return answer_picture(open_image_file(image), image.content_type)


@router.get(
    "/images/{image_id}/thumbnail", summary="A small picture, 256 pixels at most", response={200: None, **_ERRORS}
)
def read_thumbnail(request: HttpRequest, image_id: ImageId) -> HttpResponse:
    image = get_image(request, image_id)
    data, content_type = thumbnail(image)
    return answer_picture(data, content_type)


@router.get(
    "/images/{image_id}/heatmap",
    summary="Why: the picture with what spoke for its label in warm colours",
    response={200: None, 202: ExplanationOut, **_ERRORS},
)
def read_heatmap_of_image(
    request: HttpRequest,
    image_id: ImageId,
    model: Annotated[str | None, Query(description="A version that has answered; default: the newest answer's")] = None,
) -> HttpResponse:
    """A PNG of at most 512 pixels a side (Grad-CAM, arXiv 1610.02391). It is made when somebody first asks: 202 and
    Retry-After until then. 422 where there is no answer to explain, or this one cannot be explained."""
    image = get_image(request, image_id)
    explanation = request_explanation(image=image, version=_answering_version(image, model))
    png = read_heatmap(explanation) if explanation.state == Explanation.State.DONE else None
    if png is not None:
        return answer_picture(png, "image/png", seconds=HEATMAP_SECONDS)
    if explanation.state == Explanation.State.FAILED:
        raise WhatsitError("malformed_request", explanation.outcome, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    answer = json_answer({"state": "waiting"}, status=HTTPStatus.ACCEPTED)
    answer["Retry-After"] = HEATMAP_RETRY_SECONDS
    return answer


def _answering_version(image: Image, wished: str | None) -> ModelVersion:
    """The named version if it has answered, else the newest answer's. Raises WhatsitError (422), NotFound."""
    prediction = image.current_prediction
    if version := find_version(image.classifier, wished):
        prediction = Prediction.objects.filter(image=image, state=State.DONE, model_version=version).first()
    if prediction is None or prediction.state != State.DONE or prediction.model_version is None:
        raise WhatsitError("malformed_request", NO_ANSWER, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return prediction.model_version
