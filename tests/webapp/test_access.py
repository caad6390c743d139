"""Who may see what: the only place that decides it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import RequestFactory

from classifier.errors import NotAllowed, NotFound
from classifier.models import Classifier, Image
from classifier.owners import Owner
from tests.row_makers import upload
from webapp.access import asking_owner, get_image, may_see_all_images, visible_images
from webapp.middleware import VISITOR_COOKIE, read_visitor
from webapp.middleware import _signer as visitor_signer

pytestmark = pytest.mark.django_db


def request_of(user: User | AnonymousUser | None = None, *, visitor: str = "") -> Any:
    request: Any = RequestFactory().get("/")
    request.user = user or AnonymousUser()
    if visitor:
        request.COOKIES[VISITOR_COOKIE] = visitor_signer.sign(visitor)
    return request


@pytest.fixture
def reviewer(db: None) -> User:
    """Somebody with the right to see images."""
    user = User.objects.create_user("reviewer")
    user.user_permissions.set(Permission.objects.filter(codename="view_image"))
    return user


def test_a_login_owns_as_a_user_even_beside_a_visitor_cookie() -> None:
    user = User.objects.create_user("person")
    assert asking_owner(request_of(user, visitor="abc")) == Owner("user", str(user.pk))


def test_a_visitor_owns_by_the_signed_cookie() -> None:
    assert asking_owner(request_of(visitor="abc")) == Owner("visitor", "abc")


def test_a_new_visitor_keeps_one_id_through_a_request() -> None:
    request = request_of()
    assert asking_owner(request) == asking_owner(request)
    assert asking_owner(request) != asking_owner(request_of())


def test_a_cookie_we_did_not_sign_is_no_visitor() -> None:
    request = request_of()
    request.COOKIES[VISITOR_COOKIE] = "abc:forged"
    assert asking_owner(request).identifier != "abc"
    assert read_visitor("abc:forged") is None
    assert read_visitor("") is None


def test_visitors_must_log_in_where_they_are_not_wanted(settings: Any) -> None:
    settings.ANONYMOUS_UPLOADS = False
    with pytest.raises(NotAllowed) as refusal:
        asking_owner(request_of(visitor="abc"))
    assert refusal.value.status == 401


def test_one_sees_ones_own_images_only(pets: Classifier) -> None:
    mine = upload(1, owner=Owner("visitor", "abc")).images[0]
    upload(2, owner=Owner("visitor", "other"))
    assert list(visible_images(request_of(visitor="abc"))) == [mine]


def test_a_visitor_cannot_pose_as_a_user(pets: Classifier) -> None:
    user = User.objects.create_user("person")
    upload(1, owner=Owner("user", str(user.pk)))
    assert not visible_images(request_of(visitor=f"user:{user.pk}")).exists()


def test_whoever_has_the_permission_sees_all(pets: Classifier, reviewer: User) -> None:
    image = upload(1).images[0]
    assert may_see_all_images(reviewer)
    assert get_image(request_of(reviewer), str(image.id)) == image


def test_staff_without_the_permission_sees_what_is_theirs(pets: Classifier) -> None:
    image = upload(1).images[0]
    with pytest.raises(NotFound):
        get_image(request_of(User.objects.create_user("staff", is_staff=True)), str(image.id))


def test_who_was_barred_sees_nothing_of_others(pets: Classifier, reviewer: User) -> None:
    image = upload(1).images[0]
    User.objects.filter(pk=reviewer.pk).update(is_active=False)
    with pytest.raises(NotFound):
        get_image(request_of(User.objects.get(pk=reviewer.pk)), str(image.id))


@pytest.mark.parametrize("identifier", ["", "nonsense", "01a1fbed-5e5c-7c2d-854c-dd29f039aa02", "' OR 1=1"])
def test_unknown_and_malformed_ids_are_alike_not_found(identifier: str, pets: Classifier) -> None:
    with pytest.raises(NotFound):
        get_image(request_of(visitor="abc"), identifier)


def test_a_strangers_image_is_refused_as_an_unknown_one(pets: Classifier) -> None:
    image = upload(1, owner=Owner("visitor", "other")).images[0]
    refusals = []
    for identifier in (str(image.id), "01a1fbed-5e5c-7c2d-854c-dd29f039aa02"):
        with pytest.raises(NotFound) as refusal:
            get_image(request_of(visitor="abc"), identifier)
        refusals.append((refusal.value.code, refusal.value.message, refusal.value.details))
    assert refusals[0] == refusals[1]


def test_an_owner_cannot_be_changed_after_the_fact() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Owner("visitor", "abc").kind = "user"  # type: ignore[misc]
    assert Image.objects.count() == 0
