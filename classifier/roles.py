"""The four roles of people who work on a site, as Django groups: who is in one, has its rights."""

from __future__ import annotations

from typing import Any, Final

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

_LOOK: Final = frozenset(
    f"view_{kind}"
    for kind in (
        "classifier",
        "label",
        "image",
        "prediction",
        "review",
        "suggestion",
        "auditdraw",
        "trainingexample",
        "dataset",
        "trainingrun",
        "modelversion",
        "liveversionchange",
    )
)
_REVIEW: Final = frozenset({"review_image"})
_TEACH: Final = frozenset({"decide_image", "add_trainingrun", "change_classifier"})
_RUN: Final = frozenset({"change_modelversion", "change_image", "delete_image", "change_apitoken"})
_WATCH: Final = frozenset(
    f"view_{kind}"
    for kind in (
        "workerheartbeat",
        "promotionrequest",
        "evaluationrequest",
        "explanation",
        "importjob",
        "deletion",
        "apitoken",
        "webhook",
        "webhookdelivery",
    )
)

ROLES: Final[dict[str, frozenset[str]]] = {
    "viewer": _LOOK,
    "reviewer": _LOOK | _REVIEW,
    "owner": _LOOK | _REVIEW | _TEACH | _RUN | _WATCH,
    "operator": _LOOK | _RUN | _WATCH,
}
"""Role → the permissions of this app that it holds; shown as a table in docs/roles.md."""


def bring_roles_up_to_date(*, app_config: AppConfig, using: str, apps: Apps = installed_apps, **more: Any) -> None:
    """After every `migrate`: each group exists and holds exactly the rights of its role. So after a `flush`, which
    names no `apps`.

    Other mixtures are groups of other names, which nothing here touches. Members stay who they are.
    """
    create_permissions(app_config, verbosity=0, using=using, apps=apps)
    try:
        group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # migrated without the tables of people
        return
    ours = permission.objects.using(using).filter(content_type__app_label=app_config.label)
    known = dict(ours.values_list("codename", "id"))
    for name, rights in ROLES.items():
        role, _ = group.objects.using(using).get_or_create(name=name)
        role.permissions.set([known[right] for right in rights if right in known])
