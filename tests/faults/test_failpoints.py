"""Every failpoint of the product, killed, with an exception and paused past every lease: all of them, not a sample."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broker_servers.nats_server import BINARY, MISSING
from tests.dataset_makers import write_folders
from tests.faults.failpoint_rounds import GATEWAY_POINTS, PROMOTION_POINTS, ROUNDS
from tests.faults.failpoint_site import ACTIONS, TIMES, FailpointSite, points_in_sources
from tests.faults.history import History
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long]

POINTS = [point for point in points_in_sources() if point not in {*PROMOTION_POINTS, *GATEWAY_POINTS}]
all_actions = pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailpointSite]:
    with Stack(tmp_path_factory.mktemp("stack"), environment=TIMES) as running:
        running.await_worker()
        folder = tmp_path_factory.mktemp("site")
        garden = write_folders(folder / "garden", {"cat": 20, "dog": 20})
        running.manage("import_images", "garden", str(garden), "--classifier", "pets")
        yield FailpointSite(running, folder)


@pytest.fixture
def stack(site: FailpointSite) -> Stack:
    return site.stack


@pytest.fixture(scope="module")
def promoting_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailpointSite]:
    with Stack(tmp_path_factory.mktemp("stack"), environment=TIMES) as running:
        running.await_worker()
        yield FailpointSite(running, tmp_path_factory.mktemp("site"))


@all_actions
@pytest.mark.parametrize("point", POINTS)
def test_t1_t11_a_part_killed_broken_or_paused_at_any_point_loses_and_doubles_nothing(
    site: FailpointSite, history: History, point: str, action: str
) -> None:
    ROUNDS[point](site, history, point, action)
    history.check()


@all_actions
@pytest.mark.parametrize("point", PROMOTION_POINTS)
def test_t35_a_worker_killed_broken_or_paused_while_it_promotes_leaves_one_version_live(
    promoting_site: FailpointSite, point: str, action: str
) -> None:
    ROUNDS[point](promoting_site, History(promoting_site.stack), point, action)


@all_actions
@pytest.mark.skipif(BINARY is None, reason=MISSING)
@pytest.mark.parametrize("point", GATEWAY_POINTS)
def test_t11_a_gateway_killed_broken_or_paused_answers_every_request_and_repeats_alike(
    site: FailpointSite, history: History, point: str, action: str
) -> None:
    ROUNDS[point](site, history, point, action)
    history.check()
