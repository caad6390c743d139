"""Who may make which call: one line for each method of each address. Whoever adds an address adds its lines here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.row_makers import png_bytes
from tests.webapp.api_calls import part

Callers = frozenset[str]

NOBODY: Final[Callers] = frozenset()
WORKERS: Final = frozenset({"viewer", "reviewer", "owner", "operator"})
PEOPLE: Final = WORKERS | {"stranger"}
"""Who is logged in; a stranger has no role."""
EVERYBODY: Final = PEOPLE | {"visitor"}
TOKENS: Final = frozenset({"predict token", "review token", "train token", "admin token", "stranger's token"})
"""Of superusers, each with the one scope; the last one of a stranger, with all scopes. Pages do not know tokens."""
ALL: Final = EVERYBODY | TOKENS

SENDERS: Final = EVERYBODY | {"predict token", "admin token", "stranger's token"}
SEE_ALL: Final = WORKERS | {"review token", "admin token"}
SEE_WORK: Final = WORKERS | {"train token", "admin token"}
REVIEW: Final = frozenset({"reviewer", "owner", "review token", "admin token"})
TRAIN: Final = frozenset({"owner", "train token", "admin token"})
EDIT: Final = frozenset({"owner", "admin token"})
RUN: Final = frozenset({"owner", "operator", "admin token"})
OWN_TOKENS: Final = PEOPLE | {"admin token", "stranger's token"}


@dataclass(frozen=True, slots=True)
class Rule:
    """`own`: who may do it with what is theirs, `other`: with what is somebody else's. One that is owned by nobody is
    everybody's alike. `data` is a body that passes, so that only rights can refuse it; names in braces are rows.
    """

    own: Callers
    other: Callers
    data: Any = None
    content_type: str = ""

    @property
    def is_alike(self) -> bool:
        return self.own == self.other


def may(
    callers: Callers,
    *,
    others: Callers | None = None,
    json_body: dict[str, Any] | None = None,
    form: dict[str, Any] | None = None,
    raw: bytes = b"",
) -> Rule:
    """`callers` with their own rows, `others` with anybody else's, where that differs."""
    data: Any = raw or (form if json_body is None else json_body)
    content_type = "application/octet-stream" if raw else "" if json_body is None else "application/json"
    return Rule(callers, callers if others is None else others, data, content_type)


def picture() -> Any:
    """A new file at each call: a file that was sent is read."""
    return part(png_bytes(77), "77.png")


REVIEWED: Final = {"verdict": "correct", "label": "dog"}
SELECTED: Final = {"classifier": "{slug}", "label": "dog", "image": ["{image_id}:0"]}

PAGES: Final[dict[str, Rule]] = {
    "GET ": may(EVERYBODY),
    "POST ": may(EVERYBODY, form={"file": picture}),
    "GET api/docs": may(EVERYBODY),
    "GET api/docs/": may(EVERYBODY),
    "GET login/": may(EVERYBODY),
    "POST login/": may(EVERYBODY, form={"username": "nobody", "password": "wrong"}),
    "POST logout/": may(EVERYBODY),
    "GET password/": may(PEOPLE),
    "POST password/": may(PEOPLE, form={"old_password": "wrong"}),
    "GET admin/login/": may(EVERYBODY),
    "POST admin/login/": may(EVERYBODY, form={"username": "nobody", "password": "wrong"}),
    "POST admin/logout/": may(EVERYBODY),
    "GET login/once/<str:token>/": may(NOBODY),
    "GET classifiers/": may(WORKERS),
    "GET classifiers/<slug:slug>/": may(WORKERS),
    "POST classifiers/<slug:slug>/edit/": may(EDIT, form={"name": "Pets"}),
    "GET classifiers/<slug:slug>/schedule": may(EDIT),
    "POST classifiers/<slug:slug>/schedule": may(EDIT, form={"policy": "no_harm", "margin_percent": "1"}),
    "GET images/": may(EVERYBODY),
    "GET images/<str:image_id>/": may(EVERYBODY, others=WORKERS),
    "GET images/export": may(EVERYBODY),
    "POST images/export": may(EVERYBODY, form={"all": "1"}),
    "POST images/label": may(REVIEW, form=SELECTED),
    "POST images/<str:image_id>/label": may(EVERYBODY, others=REVIEW, form={"label": "dog"}),
    "POST images/<str:image_id>/review": may(EVERYBODY, others=REVIEW, form=REVIEWED),
    "POST images/<str:image_id>/ask": may(EVERYBODY, others=WORKERS),
    "GET images/<str:image_id>/delete": may(EVERYBODY, others=RUN),
    "POST images/<str:image_id>/delete": may(EVERYBODY, others=RUN),
    "POST imports/": may(TRAIN, form={"classifier": "{slug}", "place": "storage://incoming/new", "name": "new"}),
    "PUT imports/parts/<uuid:upload>/<int:number>/": may(TRAIN, raw=b"PK"),
    "GET imports/<str:job_id>/": may(WORKERS),
    "POST imports/<str:job_id>/cancel/": may(TRAIN),
    "GET datasets/<str:dataset_id>/": may(WORKERS),
    "GET datasets/<str:dataset_id>/pictures/<path:member>": may(WORKERS),
    "GET models/<str:version_id>/": may(WORKERS),
    "GET models/<str:version_id>/cells/<int:truth>/<int:answer>/": may(WORKERS),
    "GET models/<str:version_id>/pictures/<slug:pack>/<path:folder>/<int:number>.png": may(WORKERS),
    "POST models/<str:version_id>/promote": may(RUN),
    "POST models/<str:version_id>/roll-back": may(RUN),
    "POST models/<str:version_id>/evaluate": may(TRAIN),
    "GET tokens/": may(PEOPLE),
    "POST tokens/": may(PEOPLE, form={"name": "camera", "scopes": ["predict"], "lasts": "30"}),
    "GET tokens/<str:token_id>/revoke": may(PEOPLE, others=NOBODY),
    "POST tokens/<str:token_id>/revoke": may(PEOPLE, others=NOBODY),
    "GET webhooks/": may(EDIT),
    "POST webhooks/": may(EDIT, form={"url": "https://example.org/hook", "events": ["review.made"]}),
    "GET webhooks/<str:webhook_id>/": may(EDIT),
    "POST webhooks/<str:webhook_id>/": may(EDIT, form={"url": "https://example.org/hook", "events": ["review.made"]}),
    "POST webhooks/<str:webhook_id>/act": may(EDIT, form={"action": "pause"}),
    "GET webhooks/<str:webhook_id>/delete": may(EDIT),
    "POST webhooks/<str:webhook_id>/delete": may(EDIT),
    "POST webhooks/<str:webhook_id>/<str:delivery_id>/redeliver": may(EDIT),
    "GET training/": may(WORKERS),
    "POST training/": may(TRAIN, form={"classifier": "{slug}", "recipe": "small", "promote": "never"}),
    "GET training/<str:run_id>/": may(WORKERS),
    "POST training/<str:run_id>/cancel/": may(TRAIN),
    "GET review/": may(REVIEW),
    "POST review/": may(REVIEW, form={"image": "{image_id}", "label": "dog", "version": "0"}),
    "GET healthz/live": may(EVERYBODY),
    "GET healthz/ready": may(EVERYBODY),
    "GET healthz/progress": may(EVERYBODY),
    "GET metrics": may(EVERYBODY),
    "POST csp-reports": may(EVERYBODY, json_body={"csp-report": {}}),
}
"""Pages, by the patterns of webapp/urls.py. What a token may is what a visitor may: pages do not read it."""

API: Final[dict[str, Rule]] = {
    "POST /images": may(SENDERS, form={"file": picture}),
    "GET /images": may(ALL),
    "GET /images/{image_id}": may(ALL, others=SEE_ALL),
    "DELETE /images/{image_id}": may(ALL, others=RUN),
    "POST /images/{image_id}/predictions": may(SENDERS, others=WORKERS | {"admin token"}, json_body={}),
    "GET /images/{image_id}/file": may(ALL, others=SEE_ALL),
    "GET /images/{image_id}/thumbnail": may(ALL, others=SEE_ALL),
    "GET /images/{image_id}/heatmap": may(ALL, others=SEE_ALL),
    "POST /images/{image_id}/reviews": may(SENDERS | {"review token"}, others=REVIEW, json_body=REVIEWED),
    "GET /review-queue": may(REVIEW),
    "POST /review-queue/renew": may(REVIEW, json_body={"images": []}),
    "POST /review-queue/release": may(REVIEW, json_body={"images": []}),
    "GET /review-queue/{image_id}": may(REVIEW),
    "GET /classifiers": may(ALL),
    "POST /classifiers": may(EDIT, json_body={"name": "Plants"}),
    "GET /classifiers/{slug}": may(ALL),
    "PATCH /classifiers/{slug}": may(EDIT, json_body={"name": "Pets"}),
    "GET /classifiers/{slug}/labels": may(SEE_WORK),
    "POST /classifiers/{slug}/labels": may(EDIT, json_body={"name": "fish"}),
    "GET /datasets": may(SEE_WORK),
    "POST /datasets": may(TRAIN, json_body={"place": "storage://incoming/new", "classifier": "{slug}"}),
    "GET /datasets/{dataset_id}": may(SEE_WORK),
    "GET /imports": may(SEE_WORK),
    "GET /imports/{import_id}": may(SEE_WORK),
    "POST /imports/{import_id}/cancel": may(TRAIN),
    "GET /training-runs": may(SEE_WORK),
    "POST /training-runs": may(TRAIN, json_body={"classifier": "{slug}"}),
    "GET /training-runs/{run_id}": may(SEE_WORK),
    "POST /training-runs/{run_id}/cancel": may(TRAIN),
    "GET /models": may(SEE_WORK),
    "GET /models/{model_id}": may(SEE_WORK),
    "POST /models/{model_id}/promote": may(RUN, json_body={}),
    "POST /models/{model_id}/rollback": may(RUN, json_body={}),
    "POST /models/{model_id}/evaluate": may(TRAIN),
    "GET /promotions/{promotion_id}": may(SEE_WORK),
    "GET /evaluations/{evaluation_id}": may(SEE_WORK),
    "GET /webhooks": may(EDIT),
    "POST /webhooks": may(EDIT, json_body={"url": "https://example.org/hook", "events": ["review.made"]}),
    "GET /webhooks/{webhook_id}": may(EDIT),
    "PATCH /webhooks/{webhook_id}": may(EDIT, json_body={"is_active": False}),
    "DELETE /webhooks/{webhook_id}": may(EDIT),
    "POST /webhooks/{webhook_id}/secret": may(EDIT),
    "POST /webhooks/{webhook_id}/test": may(EDIT),
    "GET /webhooks/{webhook_id}/deliveries": may(EDIT),
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": may(EDIT),
    "GET /tokens": may(OWN_TOKENS),
    "POST /tokens": may(OWN_TOKENS, json_body={"name": "camera", "scopes": ["predict"]}),
    "DELETE /tokens/{token_id}": may(OWN_TOKENS, others=NOBODY),
}
"""Operations of the API, by their paths in its document."""

TOPICS: Final[dict[str, tuple[str, Rule]]] = {
    "ImagesTopic": ("", may(EVERYBODY)),
    "ImagesTopic of one image": ("image={image_id}", may(EVERYBODY, others=WORKERS)),
    "TrainingTopic": ("training={run_id}", may(WORKERS)),
    "ImportsTopic": ("imports=1", may(WORKERS)),
}
"""The socket's topics: class, query, rule. Tokens open no sockets."""

_LOOK = dict.fromkeys(
    ("classifier", "image", "prediction", "review", "suggestion", "auditdraw", "dataset", "trainingrun"), WORKERS
)
_HISTORY = dict.fromkeys(("modelversion", "liveversionchange"), WORKERS)
_WATCHED = (
    "workerheartbeat",
    "promotionrequest",
    "evaluationrequest",
    "explanation",
    "importjob",
    "deletion",
    "apitoken",
)
_HOOKS = ("webhook", "webhookdelivery")
ADMIN_LISTS: Final[dict[str, Callers]] = {
    **_LOOK,
    **_HISTORY,
    **dict.fromkeys((*_WATCHED, *_HOOKS), frozenset({"owner", "operator"})),
    **dict.fromkeys(("user", "group"), NOBODY),
}
"""Who on the staff sees which list of the admin; superusers see all. Nobody adds, changes or deletes by hand there,
but for classifiers' names and, superusers, people."""

ADMIN_ACTIONS: Final[dict[str, Callers]] = {
    "image.confirm": frozenset({"reviewer", "owner"}),
    "image.correct": frozenset({"reviewer", "owner"}),
    "image.ask_again": frozenset({"owner", "operator"}),
    "image.export_csv": WORKERS,
    "image.delete_everywhere": frozenset({"owner", "operator"}),
    "prediction.ask_again": frozenset({"owner", "operator"}),
    "classifier.roll_back": frozenset({"owner", "operator"}),
    "modelversion.promote": frozenset({"owner", "operator"}),
    "apitoken.revoke": frozenset({"owner", "operator"}),
}
