"""The groups of the four roles: there after every migration, with exactly their rights."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from classifier.roles import ROLES

pytestmark = pytest.mark.django_db


def rights_of(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


@pytest.mark.parametrize("name", ROLES)
def test_a_migrated_site_has_the_role_with_every_right_of_the_table(name: str) -> None:
    assert rights_of(name) == ROLES[name]


def test_every_right_of_the_table_is_a_permission_that_exists() -> None:
    known = set(Permission.objects.filter(content_type__app_label="classifier").values_list("codename", flat=True))
    assert set().union(*ROLES.values()) <= known


def test_migrating_again_mends_the_groups_and_keeps_their_members() -> None:
    reviewer, ann = Group.objects.get(name="reviewer"), User.objects.create_user("ann")
    reviewer.user_set.add(ann)
    reviewer.permissions.set(Permission.objects.filter(codename__in=["view_image", "delete_image"]))
    Group.objects.get(name="viewer").delete()
    mine = Group.objects.create(name="helpers")
    for _ in range(2):
        call_command("migrate", verbosity=0)
    assert rights_of("reviewer") == ROLES["reviewer"]
    assert rights_of("viewer") == ROLES["viewer"]
    assert list(reviewer.user_set.all()) == [ann]
    assert list(mine.permissions.all()) == []
