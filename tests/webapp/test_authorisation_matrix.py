"""Every kind of caller against every call, with their own rows and with others': nobody gets more, or less, than a rule
of `authorisation_rules.py` says, and nothing that can be called is without a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver

from tests.webapp import authorisation_rules as rules
from tests.webapp.authorisation_rules import ADMIN_ACTIONS, ADMIN_LISTS, API, PAGES, TOPICS, Rule
from tests.webapp.authorisation_site import PEOPLES_ROLES, Caller, build_callers, cells, fill
from tests.webapp.model_versions import quiet_site  # noqa: F401 - a fixture, used by its name
from tests.webapp.people import client_of, person
from webapp import socket_topics
from webapp.api.api import api
from webapp.urls import urlpatterns

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet_site")]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ADDRESS = "api/v1"


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[Caller]:
    settings.HEARTBEAT_SECONDS = settings.PROGRESS_LATE_SECONDS = 3600.0  # the worker is heard however long this takes
    # Rows come back when a call is undone, files would not.
    monkeypatch.setattr("classifier.deletions.remove_objects", lambda traces: None)
    monkeypatch.setattr("classifier.deletions.ring_by_name", lambda *arguments, **options: None)
    return build_callers()


def page_patterns() -> list[str]:
    """Of the site itself; the API and the admin have their own."""
    return [str(entry.pattern) for entry in urlpatterns if isinstance(entry, URLPattern)]


def operations() -> set[str]:
    """`GET /images`, from what the API itself knows."""
    return {
        f"{method} {path}"
        for _, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }


def test_every_address_has_its_rules() -> None:
    with_rules = {key.partition(" ")[2] for key in PAGES}
    assert set(page_patterns()) - with_rules == set(), "add a line to PAGES in authorisation_rules.py"
    assert with_rules - set(page_patterns()) == set()
    resolvers = {entry.namespace for entry in urlpatterns if isinstance(entry, URLResolver)}
    assert resolvers == {"api-v1", "admin"}


def test_every_operation_of_the_api_has_its_rule() -> None:
    assert operations() - set(API) == set(), "add a line to API in authorisation_rules.py"
    assert set(API) - operations() == set()


def test_every_topic_of_the_socket_has_its_rule() -> None:
    topics = {name for name, kind in vars(socket_topics).items() if name.endswith("Topic") and isinstance(kind, type)}
    assert topics - {"Topic"} == {name.partition(" ")[0] for name in TOPICS}


def test_no_caller_gets_more_of_the_api_than_its_rule_says(callers: list[Caller]) -> None:
    keyed = {f"{method} {ADDRESS}{path}": rule for (method, path), rule in _split(API)}
    found = breaches(callers, keyed)
    assert not found, "\n".join(found)


def test_no_caller_gets_more_of_the_pages_than_its_rule_says(callers: list[Caller]) -> None:
    found = breaches([caller for caller in callers if not caller.is_token], PAGES)
    assert not found, "\n".join(found)


def test_a_token_opens_no_page_that_a_visitor_does_not(callers: list[Caller]) -> None:
    strongest = next(caller for caller in callers if caller.name == "admin token")
    visitors = next(caller for caller in callers if caller.name == "another").rows
    client = Client(raise_request_exception=False)
    found = []
    for (method, pattern), rule in _split(PAGES):
        outcome = strongest.call(client, method, pattern, rule, visitors)
        if (outcome == "allowed") and "visitor" not in rule.other:
            found.append(f"{method} /{pattern}: {outcome}")
    assert not found, "\n".join(found)


def test_what_has_no_rule_is_answered_to_nobody(callers: list[Caller]) -> None:
    """Other methods of a known address: not even for a visitor and an owner."""
    known = [*(f"{ADDRESS}{path}" for path in {key.partition(" ")[2] for key in API}), *page_patterns()]
    with_rules = {*PAGES, *(f"{method} {ADDRESS}{path}" for (method, path), _ in _split(API))}
    client, found = Client(raise_request_exception=False), []
    for caller in (each for each in callers if each.name in {"visitor", "owner"}):
        for pattern in known:
            for method in METHODS:
                if f"{method} {pattern}" not in with_rules:
                    outcome = caller.call(client, method, pattern, rules.may(rules.NOBODY), caller.rows)
                    if not outcome.startswith("405") and outcome != "refused":
                        found.append(f"{caller.name}: {method} /{pattern}: {outcome}")
    assert not found, "\n".join(found)


def breaches(callers: list[Caller], keyed: Mapping[str, Rule]) -> list[str]:
    """What was answered otherwise than its rule says, as sentences."""
    client = Client(raise_request_exception=False)
    found = []
    for (method, pattern), rule in _split(keyed):
        for caller, whose, rows, is_allowed in cells(callers, rule):
            outcome = caller.call(client, method, pattern, rule, rows)
            if outcome != ("allowed" if is_allowed else "refused"):
                found.append(f"{caller.name}, {whose}: {method} /{pattern}: {outcome}")
    return found


def _split(keyed: Mapping[str, Rule]) -> Iterable[tuple[tuple[str, str], Rule]]:
    return [((key.partition(" ")[0], key.partition(" ")[2]), rule) for key, rule in keyed.items()]


def test_no_caller_hears_more_on_the_socket_than_its_rule_says(callers: list[Caller]) -> None:
    found = []
    for name, (query, rule) in TOPICS.items():
        for caller, whose, rows, is_allowed in cells([each for each in callers if not each.is_token], rule):
            viewer = User.objects.get(pk=caller.user.pk) if caller.user else AnonymousUser()
            topic = socket_topics.find_topic(fill(query, rows), caller.owner, viewer)
            if (topic is not None) != is_allowed:
                found.append(f"{caller.name}, {whose}: {name}")
    assert not found, "\n".join(found)


def staff(role: str) -> User:
    user = person(role, name=f"staff {role}")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return User.objects.get(pk=user.pk)


def registered() -> dict[str, Any]:
    return {str(model._meta.model_name): page for model, page in admin.site._registry.items()}


def test_every_list_of_the_admin_has_its_rule() -> None:
    assert set(registered()) == set(ADMIN_LISTS), "add a line to ADMIN_LISTS in authorisation_rules.py"


@pytest.mark.parametrize("role", ["", *PEOPLES_ROLES])
def test_the_staff_sees_the_lists_of_its_role_and_changes_nothing(role: str, pets: Any) -> None:
    user = staff(role)
    client = client_of(user)
    request: Any = RequestFactory().get("/")
    request.user = user
    found = []
    for kind, page in registered().items():
        address = f"/admin/{page.model._meta.app_label}/{kind}/"
        seen = client.get(address).status_code
        if (seen == 200) != (role in ADMIN_LISTS[kind]) or seen not in {200, 403}:
            found.append(f"{kind}: {seen}")
        changes = kind == "classifier" and role == "owner"
        may = (
            page.has_add_permission(request),
            page.has_change_permission(request),
            page.has_delete_permission(request),
        )
        if may != (False, changes, False):
            found.append(f"{kind}: {may}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("role", ["", *PEOPLES_ROLES])
def test_the_staff_has_the_actions_of_its_role(role: str) -> None:
    request: Any = RequestFactory().get("/")
    request.user = staff(role)
    offered = {f"{kind}.{name}" for kind, page in registered().items() for name in page.get_actions(request)}
    assert offered == {name for name, roles in ADMIN_ACTIONS.items() if role in roles}


def test_every_action_of_the_admin_has_its_rule() -> None:
    request: Any = RequestFactory().get("/")
    request.user = person("admin")
    offered = {f"{kind}.{name}" for kind, page in registered().items() for name in page.get_actions(request)}
    assert {name for name in offered if not name.endswith(".delete_selected")} == set(ADMIN_ACTIONS)


def test_nobody_but_the_staff_opens_anything_of_the_admin(callers: list[Caller]) -> None:
    """Whatever the role: the pages themselves ask for staff status first."""
    addresses = ["admin/", "admin/classifier/", "admin/password_change/", "admin/autocomplete/", "admin/nothing/"]
    addresses += [f"admin/{page.model._meta.app_label}/{kind}/" for kind, page in registered().items()]
    client = Client(raise_request_exception=False)
    outcomes = {
        caller.call(client, "GET", address, rules.may(rules.NOBODY), {}) for caller in callers for address in addresses
    }
    assert outcomes == {"refused"}


def test_a_right_that_is_taken_away_is_gone_with_the_next_call(callers: list[Caller]) -> None:
    owner = next(caller for caller in callers if caller.name == "owner")
    assert owner.user is not None
    client, rule = Client(), API["GET /datasets"]
    assert owner.call(client, "GET", f"{ADDRESS}/datasets", rule, owner.rows) == "allowed"
    owner.user.groups.clear()
    assert owner.call(client, "GET", f"{ADDRESS}/datasets", rule, owner.rows) == "refused"
