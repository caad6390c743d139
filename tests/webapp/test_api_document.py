"""The OpenAPI document: complete, true, with examples that keep to their own schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from classifier.errors import REFUSALS
from tests.webapp.api_calls import UNKNOWN
from webapp.api.api import api
from webapp.api.document_errors import ALWAYS, ERRORS, WRITING
from webapp.api.document_examples import ANSWERS, BODIES
from webapp.api.openapi import OPEN_TO_VISITORS, TAGS

Operation = dict[str, Any]
DOCUMENT: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))


def operations() -> Iterator[tuple[str, str, Operation]]:
    """`(path, method, operation)` of all."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


BY_NAME = {operation["operationId"]: operation for _, _, operation in operations()}


def errors_of(schema: dict[str, Any], example: object) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    return [problem.message for problem in Draft202012Validator(whole).iter_errors(example)]


def test_it_is_a_valid_document_of_openapi_3_1_and_the_same_at_every_call(client: Client) -> None:
    first, second = client.get("/api/v1/openapi.json"), client.get("/api/v1/openapi.json")
    assert first.content == second.content
    assert first.json()["openapi"] == "3.1.0"
    validate(first.json())


def test_every_operation_has_a_name_of_its_own_and_words_for_a_newcomer() -> None:
    assert len(BY_NAME) == sum(1 for _ in operations())
    for name, operation in BY_NAME.items():
        assert operation["summary"], name
        assert operation["tags"], name
        assert set(operation["tags"]) <= set(TAGS), name
        for parameter in operation["parameters"]:
            assert "anyOf" not in parameter["schema"], (name, parameter["name"])


def test_every_operation_names_the_errors_it_may_answer() -> None:
    for _, method, operation in operations():
        expected = ALWAYS | (set() if method == "get" else WRITING)
        assert {str(status) for status in expected} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer == {"$ref": f"#/components/responses/{ERRORS[int(status)].name}"}
    assert {"413", "415", "422"} <= set(BY_NAME["send_images"]["responses"])


def test_every_error_code_of_ours_has_a_documented_status() -> None:
    assert {status for status, _ in REFUSALS.values()} <= set(ERRORS)
    for status, error in ERRORS.items():
        answer = DOCUMENT["components"]["responses"][error.name]
        content = answer["content"]["application/json"]
        assert errors_of(content["schema"], content["example"]) == []
        assert ("Retry-After" in answer["headers"]) == (status in {429, 503})


def test_every_body_and_every_answer_has_an_example_that_keeps_to_its_schema() -> None:
    for name, operation in BY_NAME.items():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            assert name in BODIES, f"document_examples.BODIES lacks {name}"
            assert errors_of(body["schema"], body["example"]) == [], name
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content:
                assert (name, status) in ANSWERS, f"document_examples.ANSWERS lacks {name} {status}"
                assert errors_of(content["schema"], content["example"]) == [], (name, status)


def test_examples_are_of_operations_that_exist() -> None:
    assert set(BODIES) | {name for name, _ in ANSWERS} | OPEN_TO_VISITORS <= set(BY_NAME)


@pytest.mark.django_db
def test_visitors_are_told_to_log_in_exactly_where_the_document_says_so(client: Client) -> None:
    for path, method, operation in operations():
        address = path.replace("{slug}", UNKNOWN[1])
        for parameter in operation["parameters"]:
            address = address.replace(f"{{{parameter['name']}}}", UNKNOWN[0])
        body = BODIES.get(operation["operationId"], {})
        answer = client.generic(method.upper(), address, json.dumps(body), content_type="application/json")
        is_open = operation["operationId"] in OPEN_TO_VISITORS
        assert (answer.status_code == 401) != is_open, (method, path, answer.content)
        assert ({} in operation.get("security", [])) == is_open


def test_pictures_are_named_with_their_types() -> None:
    assert set(BY_NAME["read_file_of_image"]["responses"]["200"]["content"]) == {
        "image/png",
        "image/jpeg",
        "image/webp",
    }
    assert set(BY_NAME["read_heatmap_of_image"]["responses"]) >= {"200", "202", "422"}


CALL = re.compile(r"^(?:curl| {5}-d) .*?\"(?:\$SITE|http://[^/]+)(/api/v1/[^\"?]*)", re.MULTILINE)


def test_every_address_in_the_guide_is_an_operation() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    called = CALL.findall(guide)
    assert len(called) >= 14
    known = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in DOCUMENT["paths"]]
    assert [address for address in called if not any(each.fullmatch(address) for each in known)] == []


def test_the_guide_names_every_code_of_an_error() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    assert [code for code in REFUSALS if f"`{code}`" not in guide] == []
