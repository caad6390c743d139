"""Who may do what: the table of docs/roles.md, row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import AnonymousUser

from tests.stack import ROOT
from tests.webapp.people import person
from webapp import access

pytestmark = pytest.mark.django_db

ROLES = ("", "viewer", "reviewer", "owner", "operator", "admin")
RIGHTS: dict[str, tuple[Callable[[Any], bool], set[str]]] = {
    "See everybody's images": (access.may_see_all_images, {"viewer", "reviewer", "owner", "operator"}),
    "See classifiers, datasets, trainings, models": (
        access.may_see_work,
        {"viewer", "reviewer", "owner", "operator"},
    ),
    "Review: confirm, correct, skip": (access.may_review, {"reviewer", "owner"}),
    "Decide what reviewers disagree on": (access.may_decide, {"owner"}),
    "Import pictures, train": (access.may_train, {"owner"}),
    "Make classifiers, add labels, change names, thresholds, schedules": (access.may_edit_classifier, {"owner"}),
    "Promote, roll back": (access.may_promote, {"owner", "operator"}),
    "Delete anybody's images": (access.may_delete_images, {"owner", "operator"}),
    "Revoke anybody's tokens": (access.may_revoke_all_tokens, {"owner", "operator"}),
}


@pytest.mark.parametrize("words", RIGHTS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_rights_of_its_row_and_no_others(role: str, words: str) -> None:
    right, roles = RIGHTS[words]
    assert right(person(role)) == (role in {*roles, "admin"})


@pytest.mark.parametrize("words", RIGHTS)
def test_visitors_and_staff_without_a_role_have_none(words: str) -> None:
    right, _ = RIGHTS[words]
    staff = person(name="staff")
    staff.is_staff = True
    assert not right(AnonymousUser())
    assert not right(staff)


def test_owners_and_operators_may_look_at_every_list_of_the_admin() -> None:
    kinds = [model._meta.model_name for model in site._registry if model._meta.app_label == "classifier"]
    assert "explanation" in kinds
    for role in ("owner", "operator"):
        missing = [kind for kind in kinds if not person(role).has_perm(f"classifier.view_{kind}")]
        assert not missing, f"{role} may not look at {missing}"


def test_the_guide_shows_this_very_table() -> None:
    guide = Path(ROOT, "docs/roles.md").read_text(encoding="utf-8")
    shown = ROLES[1:-1]
    for words, (_, roles) in RIGHTS.items():
        cells = " | ".join("yes" if role in roles else "\u2013" for role in shown)
        assert f"| {words} | {cells} |" in guide
