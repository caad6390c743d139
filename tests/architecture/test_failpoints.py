"""No failpoint of the product is left out of the fault tests."""

from __future__ import annotations

from tests.faults.failpoint_rounds import ROUNDS
from tests.faults.failpoint_site import points_in_sources


def test_every_failpoint_has_a_round_and_every_round_a_failpoint() -> None:
    assert sorted(ROUNDS) == points_in_sources()
