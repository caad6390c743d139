"""T23: pages that never read and connections that have gone mute, while messages go on for everybody else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from tests.faults.crowd_control import BROADCAST, COOKIES, Crowd, CrowdStack, crowd, site
from tests.faults.fault_proxy import Fault, FaultProxy
from tests.faults.load_client import percentile
from tests.faults.process_watch import resident_megabytes, watching
from tests.stack import await_that

__all__ = ["site"]
pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

MINUTES = float(os.environ.get("FAULT_MINUTES", "1.2"))
EACH, A_SECOND, LETTERS = 50, 20, 16_000  # more than the kernel holds back for who does not read
NOISE_SECONDS = 0.05  # of a machine that does other things too


def p95_while_telling(site: CrowdStack, pages: Crowd, seconds: float) -> float:
    """Twenty messages a second for everybody; how soon the pages that read had them."""
    pages.ask("heard")
    count = int(seconds * A_SECOND)
    assert site.ask(BROADCAST, count=count, pause=1 / A_SECOND, ballast=LETTERS) == 0
    time.sleep(1)
    took = pages.ask("heard")["model"]
    assert len(took) == count * EACH
    return percentile(took, 0.95)


def test_t23_readers_that_take_nothing_are_closed_and_cost_the_others_nothing(
    site: CrowdStack, record_property: Callable[[str, object], None]
) -> None:
    cookies = site.ask(COOKIES, prefix="v", count=3 * EACH)
    with (
        FaultProxy(site.port).running() as proxy,
        crowd(site) as pages,
        crowd(site) as silent,
        crowd(site, port=proxy.port) as cut_off,
    ):
        pages.ask("open", cookies=cookies[:EACH], at_once=20)
        few = site.sockets()
        silent.ask("narrow")
        silent.ask("open", cookies=cookies[EACH : 2 * EACH], at_once=20)
        cut_off.ask("open", cookies=cookies[2 * EACH :], at_once=20)
        assert site.sockets() == few + 2 * EACH
        usual = p95_while_telling(site, pages, 15)
        usual_megabytes = resident_megabytes(site.processes["web"].pid)
        silent.ask("stop_reading")
        proxy.meet(Fault(mute=True))
        found: list[float] = []
        telling = threading.Thread(target=lambda: found.append(p95_while_telling(site, pages, MINUTES * 60)))
        with watching(site.processes["web"].pid) as watched:
            telling.start()
            closed = await_that(lambda: site.sockets() <= few, 60, "those who take nothing are closed")
            telling.join()
        growth = watched.megabytes - usual_megabytes
        record_property("closed_seconds", closed)
        record_property("growth_megabytes", growth)
        record_property("p95_usual", usual)
        record_property("p95_meanwhile", found[0])
        assert pages.open == EACH
        assert pages.ask("look")["losses"] == 0
        assert growth <= 64
        assert found[0] <= usual * 1.2 + NOISE_SECONDS
