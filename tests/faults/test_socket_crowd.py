"""T20, T21, T24: thousands of sockets: connected, told everything, back after a killed process, and never deaf."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from tests.faults.crowd_control import BROADCAST, COOKIES, FEED, PREPARE, Crowd, CrowdStack, crowd, site
from tests.faults.load_client import percentile
from tests.stack import await_that

__all__ = ["site"]
pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(600)]

PAGES = int(os.environ.get("FAULT_SOCKETS", "5000"))
PER_SECOND, SECONDS = 100, 60
RESULTS = PER_SECOND * SECONDS
FEW = 200
Record = Callable[[str, object], None]


def feed(site: CrowdStack, first_id: str, *, visitors: int, count: int, first_number: int = 0) -> dict[str, str]:
    """Results for one visitor after the other, at an even pace; returns whose each image is."""
    asked = {"visitors": visitors, "count": count, "first_number": first_number, "per_second": PER_SECOND}
    owners: dict[str, str] = site.ask(FEED, prefix="v", first_id=first_id, **asked)
    return owners


def missing(pages: Crowd, owners: dict[str, str]) -> list[str]:
    """Images whose owner's page does not show them done, after everybody has read afresh."""
    pages.ask("refresh")
    known: list[dict[str, Any]] = pages.ask("known")
    return [
        image
        for image, owner in owners.items()
        if known[int(owner.removeprefix("visitor:v"))].get(image, (0, ""))[1] != "done"
    ]


def await_pushes(pages: Crowd, kind: str, count: int, seconds: float = 30) -> list[float]:
    """How long each push took, as soon as all are there, or at the end of the time those that are."""
    took: list[float] = []
    ends = time.monotonic() + seconds
    while len(took) < count and time.monotonic() < ends:
        took += pages.ask("heard").get(kind, [])
        time.sleep(0.2)
    return took


def test_t20_five_thousand_sockets_are_told_everything_in_time(site: CrowdStack, record_property: Record) -> None:
    first_id = site.ask(PREPARE, count=RESULTS)
    cookies = site.ask(COOKIES, prefix="v", count=PAGES)
    with crowd(site) as pages:
        pages.ask("open", cookies=cookies[:20], at_once=20)
        empty = site.rss_kb()
        seconds = pages.ask("open", cookies=cookies[20:], at_once=100)["seconds"]
        opened = pages.open
        each = (site.rss_kb() - empty) / (PAGES - 20)
        site.ask(BROADCAST, count=5, pause=3, ballast=0)
        broadcasts = await_pushes(pages, "model", 5 * PAGES)
        pages.ask("heard")
        owners = feed(site, first_id, visitors=PAGES, count=RESULTS)
        results = await_pushes(pages, "prediction", RESULTS)
        lost = 1 - (len(broadcasts) + len(results)) / (5 * PAGES + RESULTS)
        gone = missing(pages, owners)
        record_property("open_seconds", seconds)
        record_property("kilobytes_each", each)
        record_property("broadcast_p99", percentile(broadcasts, 0.99))
        record_property("result_p95", percentile(results, 0.95))
        record_property("lost_raw", lost)
        assert opened == PAGES
        assert pages.ask("look")["losses"] == 0
        assert gone == []
        assert lost <= 0.0001
        assert each <= 150
        assert seconds <= 60
        assert percentile(broadcasts, 0.99) <= 5
        assert percentile(results, 0.95) <= 1


def test_t21_of_two_web_processes_one_is_killed_and_its_sockets_come_back(
    site: CrowdStack, record_property: Record
) -> None:
    site.start_web("second")
    first_id = site.ask(PREPARE, count=1000)
    cookies = site.ask(COOKIES, prefix="v", count=PAGES)
    with crowd(site) as pages:
        await_that(lambda: site.sockets("second") > 3, 60, "the second web process listens")
        pages.ask("open", cookies=cookies, at_once=100)
        time.sleep(5)  # until then a page counts its connection as failed
        shares = {name: site.sockets(name) for name in ("web", "second")}
        victim, other = sorted(shares, key=shares.__getitem__, reverse=True)
        owners = feed(site, first_id, visitors=PAGES, count=500)
        site.kill(victim)
        started, busy, burned = time.monotonic(), 0.0, site.cpu_seconds(other)
        site.start_web(victim)
        while pages.open < PAGES and time.monotonic() - started < 120:
            looked = time.monotonic()
            time.sleep(1)
            used, burned = site.cpu_seconds(other) - burned, site.cpu_seconds(other)
            busy += (time.monotonic() - looked) * (used / (time.monotonic() - looked) > 0.8)
        back = time.monotonic() - started
        owners |= feed(site, first_id, visitors=PAGES, count=500, first_number=500)
        gone = missing(pages, owners)
        state = pages.ask("look")
        record_property("killed_with_it", max(shares.values()))
        record_property("back_seconds", back)
        record_property("busy_seconds", busy)
        record_property("attempts_in_vain", state["refusals"] + state["timeouts"])
        assert state["open"] == PAGES
        assert gone == []
        assert back <= 60
        assert busy <= 30


@dataclass
class Hearing:
    """Pages that are fed until each of them has heard of a result that came after the fault."""

    site: CrowdStack
    pages: Crowd
    first_id: str
    owners: dict[str, str] = field(default_factory=dict)

    def await_everybody(self, what: str) -> None:
        """Each page shows one of the results that came from now on, without asking for it."""
        hearing: set[int] = set()

        def look() -> bool:
            fed = len(self.owners)
            fresh = feed(self.site, self.first_id, visitors=FEW, count=FEW, first_number=fed)
            self.owners.update(fresh)
            time.sleep(1)
            known = self.pages.ask("known")
            numbers = ((int(owner.removeprefix("visitor:v")), image) for image, owner in fresh.items())
            hearing.update(number for number, image in numbers if image in known[number])
            return len(hearing) == FEW

        await_that(look, 30, what)


@pytest.fixture
def hearing(site: CrowdStack) -> Iterator[Hearing]:
    first_id = site.ask(PREPARE, count=5000)
    with crowd(site) as pages:
        pages.ask("open", cookies=site.ask(COOKIES, prefix="v", count=FEW), at_once=20)
        yield Hearing(site, pages, first_id)


@pytest.mark.parametrize("site", [{"SOCKET_LIFE_SECONDS": "6", "SOCKET_RIGHTS_SECONDS": "2"}], indirect=True)
def test_t24_sockets_whose_time_is_over_come_back_and_miss_nothing(hearing: Hearing) -> None:
    def all_have_ended() -> bool:
        hearing.await_everybody("sockets of a short life hear")
        return int(hearing.pages.ask("look")["codes"].get("4408", 0)) >= 2 * FEW

    await_that(all_have_ended, 60, "every socket has ended twice")
    assert missing(hearing.pages, hearing.owners) == []


def test_t24_a_redis_that_forgets_everything_leaves_no_socket_deaf(hearing: Hearing) -> None:
    site = hearing.site
    with redis.Redis(port=site.redis_port) as server:
        hearing.await_everybody("an ordinary day")
        server.flushall()
        hearing.await_everybody("Redis was emptied")
        server.client_kill_filter(_type="pubsub")
        hearing.await_everybody("Redis cut its listeners off")
    site.kill("redis")
    site.start_redis()
    hearing.await_everybody("Redis was killed and is empty")
    assert missing(hearing.pages, hearing.owners) == []
