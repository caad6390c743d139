"""Schemathesis calls every operation of the document: no failure of ours, no answer it does not promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

from tests.webapp.api_calls import UNKNOWN
from tests.webapp.api_rows import make_known_rows
from tests.webapp.model_versions import quiet_site
from tests.webapp.people import client_of, person
from webapp.api.api import api

__all__ = ["quiet_site"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet_site")]
EXAMPLES = {"owner": 8, "visitor": 3}
# A NUL is in every text of the document and refused everywhere. Pictures, names and places may be well formed and yet
# of no use: that answer is 413, 415 or 422, or for what is looked up in the world, 400.
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"allow-x00": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 409, 413, 415, 422, 503]}},
    }
)
schema = schemathesis.openapi.from_dict(dict(api.get_openapi_schema(path_prefix="/api/v1/")), config=CONFIG)
schema.app = get_wsgi_application()
OPERATIONS: list[Any] = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Between two requests a server lets go of its connection, but here a transaction lies around them all."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize("caller", ["owner", "visitor"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_all_calls_keep_to_the_document(operation: Any, caller: str) -> None:
    user = person("owner")
    known = make_known_rows(user)
    headers = login_headers(client_of(user)) if caller == "owner" else {}
    modes = st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    cases = modes.flatmap(lambda mode: operation.as_strategy(generation_mode=mode))

    @settings(
        max_examples=EXAMPLES[caller],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_there=st.booleans())
    def call(case: Case[Any], is_there: bool) -> None:
        if is_there:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known.get(name, UNKNOWN[0])
        # In process an empty picture arrives as no part at all, which is refused rightly.
        left_out = [positive_data_acceptance] if operation.label == "POST /api/v1/images" else []
        case.validate_response(case.call(headers=headers), headers=headers, excluded_checks=left_out)

    call()


def login_headers(client: Client) -> dict[str, str]:
    """As this browser would send them."""
    secret = "c" * 32
    cookies = {**{name: morsel.value for name, morsel in client.cookies.items()}, "csrftoken": secret}
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "X-CSRFToken": secret}
