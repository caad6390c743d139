"""Many people ask, many workers claim, on a database that really is shared: one of each gets through."""

from __future__ import annotations

import pytest

from classifier.classifiers import create_classifier
from classifier.errors import Conflict
from classifier.models import LiveVersionChange
from classifier.promotion_requests import claim_promotion, complete_promotion, request_promotion
from tests.row_makers import LABELS, make_version
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name

pytestmark = pytest.mark.usefixtures("shared_database", "rings")


def test_of_many_askers_and_workers_one_each_gets_through() -> None:
    version = make_version(create_classifier(slug="pets", labels=LABELS), "2" * 64)

    def try_to_ask(number: int) -> bool:
        try:
            request_promotion(version=version, user=None, reason="better")
        except Conflict:
            return False
        return True

    assert sum(in_parallel(6, try_to_ask)) == 1
    claims = in_parallel(6, lambda number: claim_promotion(worker=f"worker {number}"))
    [claimed] = [each for each in claims if each]
    assert sum(in_parallel(6, lambda number: complete_promotion(claimed, note=""))) == 1
    assert LiveVersionChange.objects.filter(version=version).count() == 1
