"""A site on which every kind of caller has rows of their own, and the calls that they make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from classifier.api_tokens import acting_user, create_token
from classifier.heartbeats import beat
from classifier.models import Classifier, Dataset, ModelVersion
from classifier.object_storage import write_verified
from classifier.owners import Owner
from classifier.version_report import pack_mark
from tests.review_makers import answer_all
from tests.row_makers import upload
from tests.webapp.api_rows import make_known_rows
from tests.webapp.authorisation_rules import TOKENS, Rule
from tests.webapp.model_versions import make_pack, version_of
from tests.webapp.people import client_of, person
from webapp.middleware import VISITOR_COOKIE
from webapp.middleware import _signer as visitor_signer

Rows = Mapping[str, str]

PEOPLES_ROLES: Final = ("viewer", "reviewer", "owner", "operator")
_PREVIEW: Final = "datasets/matrix/preview.zip"
_NAMED: Final = re.compile(r"<(?:\w+:)?(\w+)>|\{(\w+)\}")


@dataclass(slots=True)
class Caller:
    """One kind of caller: how it calls, and what is its own of the rows that an address can name."""

    name: str
    owner: Owner
    user: User | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)

    @property
    def is_token(self) -> bool:
        return self.name in TOKENS

    def call(self, client: Client, method: str, address: str, rule: Rule, rows: Rows) -> str:
        """`allowed`, `refused`, or the status of an answer that is neither. Nothing that the call does stays."""
        client.cookies.clear()
        for name, value in self.cookies.items():
            client.cookies[name] = value
        options: dict[str, Any] = {"content_type": rule.content_type} if rule.content_type else {}
        data = _fill(rule.data, rows)
        with transaction.atomic():
            answer = getattr(client, method.lower())(f"/{fill(address, rows)}", data, headers=self.headers, **options)
            outcome = _read(answer)
            transaction.set_rollback(True)
        return outcome


def fill(pattern: str, rows: Rows) -> str:
    """The address with these rows in it. A name that no row has is a KeyError: give it one in `build_callers`."""
    return _NAMED.sub(lambda found: rows[found[1] or found[2]], pattern)


def _fill(data: Any, rows: Rows) -> Any:
    if callable(data):
        return data()
    if isinstance(data, dict):
        return {name: _fill(value, rows) for name, value in data.items()}
    if isinstance(data, list):
        return [_fill(value, rows) for value in data]
    return fill(data, rows) if isinstance(data, str) else data


def _read(answer: Any) -> str:
    status = answer.status_code
    if status in {401, 403, 404} or (status == 302 and "login/?next=" in answer["Location"]):
        return "refused"
    if status in {400, 405} or status >= 500:
        return f"{status} {answer.content[:120]!r}"
    return "allowed"


def build_callers() -> list[Caller]:
    """Everybody who may call. The rows that nobody owns are the same for all."""
    root = person("admin", name="root")
    common = {
        **make_known_rows(root),
        "upload": "01a1fbed-5e5c-7c2d-854c-dd29f039aa02",
        "token": "forged",
        "truth": "0",
        "answer": "1",
        "folder": "0/1",
        "number": "1",
        "member": "0/1/0.png",
    }
    classifier = Classifier.objects.get(slug=common["slug"])
    common["model_id"] = str(version_of(classifier, 2).pk)  # a candidate, which can be promoted
    # Pages call some rows by other names.
    common |= {"version_id": common["model_id"], "job_id": common["import_id"]}
    common["pack"] = pack_mark(ModelVersion.objects.get(pk=common["model_id"]))
    write_verified(_PREVIEW, make_pack())
    Dataset.objects.filter(pk=common["dataset_id"]).update(shards=[{"key": _PREVIEW, "size_bytes": 1}])
    beat(worker="host:1", queue="gpu", loaded_versions=[common["model_id"]])
    callers = [_visitor("visitor"), _visitor("another"), _of_person(person(name="stranger"), "stranger")]
    callers += [_of_person(person(role), role) for role in PEOPLES_ROLES]
    callers += [_of_token(person("admin", name=f"{scope}er"), f"{scope} token", scope) for scope in _SCOPES]
    callers.append(_of_token(person(name="programmer"), "stranger's token", *_SCOPES))
    for number, caller in enumerate(callers):
        image = upload(100 + number, owner=caller.owner, classifier_slug=common["slug"]).images[0]
        caller.rows = {**common, "image_id": str(image.id)}
        if caller.user is not None:
            token, _ = create_token(user=caller.user, name="theirs", scopes=["predict"])
            caller.rows["token_id"] = str(token.pk)
    answer_all([0.5, 0.4, 0.1])
    return callers


_SCOPES: Final = ("predict", "review", "train", "admin")


def _visitor(name: str) -> Caller:
    return Caller(name, Owner("visitor", name), cookies={VISITOR_COOKIE: visitor_signer.sign(name)})


def _of_person(user: User, name: str) -> Caller:
    session = client_of(user).cookies["sessionid"].value
    return Caller(name, Owner("user", str(user.pk)), user, cookies={"sessionid": session})


def _of_token(user: User, name: str, *scopes: str) -> Caller:
    token, text = create_token(user=user, name=name, scopes=scopes)
    headers = {"Authorization": f"Bearer {text}"}
    return Caller(name, Owner("token", str(token.pk)), acting_user(token), headers=headers)


def cells(callers: list[Caller], rule: Rule) -> Iterator[tuple[Caller, str, Rows, bool]]:
    """Each caller with its own rows and with another visitor's: the caller, whose, the rows, and whether it may."""
    other = next(caller for caller in callers if caller.name == "another")
    for caller in callers:
        if caller is other:
            continue
        foreign = {**other.rows, "token_id": callers[2 if caller is not callers[2] else 3].rows["token_id"]}
        yield caller, "other", foreign, caller.name in rule.other
        if not rule.is_alike:
            yield caller, "own", caller.rows, caller.name in rule.own
