"""The receiving side with a broker in memory: room, order of acknowledging, outages, failures, dead letters."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.stack import await_that
from webapp.gateway import receiving as receiving_module
from webapp.gateway.intake import Outcome, Taken
from webapp.gateway.memory import MemoryBroker, MemoryClient
from webapp.gateway.message_formats import Request, read_message
from webapp.gateway.protocol import FAILURES_HEADER, REASON_HEADER, GatewayOptions, Message, Outgoing
from webapp.gateway.receiving import Receiving

OPTIONS = GatewayOptions("req_predict", "res_predict", "req_predict_dead", "whatsit", in_hand=4, most_bytes=20_000)


class TestedIntake:
    """Does with each message what the test says, and counts."""

    __test__ = False

    def __init__(self) -> None:
        self.act: Callable[[Message], Taken] = lambda message: Taken(Outcome.ACCEPTED)
        self.tries: Counter[str] = Counter()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def take(self, message: Message) -> Taken:
        with self._lock:
            self.tries[message.identity] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.act(message)
        finally:
            with self._lock:
                self.at_once -= 1

    def read(self, message: Message) -> Request:
        return read_message(message, OPTIONS)


class Bench:
    """One receiving side with its broker."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.client = MemoryClient(self.broker, OPTIONS)
        self.client.connect()
        self.intake = TestedIntake()
        self.is_full = False
        self.taken = 0
        self.receiving = Receiving(
            self.client,
            OPTIONS,
            self.intake,  # type: ignore[arg-type] # what a test needs of it
            is_full=lambda: self.is_full,
            on_taken=self._count,
        )

    def _count(self) -> None:
        self.taken += 1

    def until(self, condition: Callable[[], bool], what: str) -> None:
        def try_once() -> bool:
            self.receiving.step()
            return condition()

        await_that(try_once, 10, what)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(receiving_module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(receiving_module, "IDLE_SECONDS", 0.01)
    made = Bench()
    yield made
    made.receiving.finish(5)


def test_every_message_is_acknowledged_once_it_is_done(bench: Bench) -> None:
    names = {bench.broker.send(b"x") for _ in range(10)}
    bench.until(lambda: len(bench.broker.acknowledged) == 10, "all acknowledged")
    assert set(bench.broker.acknowledged) == names
    assert bench.taken
    assert bench.receiving.in_hand == 0


def test_no_more_are_taken_than_there_is_room_for(bench: Bench) -> None:
    gate = threading.Event()

    def wait_at_the_gate(message: Message) -> Taken:
        gate.wait(10)
        return Taken(Outcome.ACCEPTED)

    bench.intake.act = wait_at_the_gate
    for _ in range(20):
        bench.broker.send(b"x")
    bench.until(lambda: bench.receiving.in_hand == OPTIONS.in_hand, "the hand is full")
    for _ in range(5):
        bench.receiving.step()
    gate.set()
    bench.until(lambda: len(bench.broker.acknowledged) == 20, "all acknowledged")
    assert bench.client.largest_hold == OPTIONS.in_hand


def test_nothing_is_taken_while_too_much_waits_for_its_answer(bench: Bench) -> None:
    bench.is_full = True
    bench.broker.send(b"x")
    for _ in range(5):
        bench.receiving.step()
    assert len(bench.broker.waiting) == 1
    bench.is_full = False
    bench.until(lambda: len(bench.broker.acknowledged) == 1, "taken afterwards")


def test_while_storage_is_away_nothing_is_acknowledged_and_one_message_tries(bench: Bench) -> None:
    is_away = threading.Event()
    is_away.set()
    bench.intake.act = lambda message: Taken(Outcome.AWAY if is_away.is_set() else Outcome.ACCEPTED, reason="away")
    for _ in range(8):
        bench.broker.send(b"x")
    bench.until(lambda: sum(bench.intake.tries.values()) >= 7, "some tries")
    assert bench.broker.acknowledged == []
    assert len(bench.broker.waiting) == 4
    assert len(bench.intake.tries) == 4
    is_away.clear()
    bench.until(lambda: len(bench.broker.acknowledged) == 8, "all done once it is back")


def test_what_fails_is_given_back_and_after_five_deliveries_put_aside(bench: Bench) -> None:
    bench.intake.act = lambda message: Taken(Outcome.FAILED, reason="it broke\nbadly")
    name = bench.broker.send(b"poison", key="k")
    bench.until(lambda: name in bench.broker.acknowledged, "given up")
    letter, reply = bench.broker.published
    assert (letter.topic, letter.key, letter.body) == ("req_predict_dead", "k", b"poison")
    assert (letter.headers[REASON_HEADER], letter.headers[FAILURES_HEADER]) == ("it broke badly", "5")
    answer = json.loads(reply.body)
    assert (reply.topic, answer["id"], answer["error"]["code"]) == ("res_predict", "k", "given_up")
    assert bench.intake.tries[name] == 5


def test_what_ended_the_gateway_five_times_is_not_tried_again(bench: Bench) -> None:
    bench.broker.waiting.append(Message(b"poison", "m9", deliveries=6))
    bench.until(lambda: bench.broker.acknowledged == ["m9"], "given up")
    assert bench.intake.tries["m9"] == 0


def test_what_came_often_is_worked_on_alone(bench: Bench) -> None:
    for number in range(6):
        bench.broker.waiting.append(Message(b"x", f"m{number}", deliveries=4))
    bench.until(lambda: len(bench.broker.acknowledged) == 6, "all acknowledged")
    assert bench.intake.most_at_once == 1


def test_an_answer_that_no_row_keeps_goes_out_before_the_message_is_done(bench: Bench) -> None:
    reply = Outgoing("res_predict", "a", b"{}")
    bench.intake.act = lambda message: Taken(Outcome.MISMATCH, reply=reply)
    bench.broker.send(b"x")
    bench.until(lambda: len(bench.broker.acknowledged) == 1, "done")
    assert bench.broker.published == [reply]


def test_what_is_in_hand_at_the_end_is_finished_and_the_rest_given_back(bench: Bench) -> None:
    bench.intake.act = lambda message: Taken(Outcome.AWAY if message.body == b"away" else Outcome.ACCEPTED)
    away = bench.broker.send(b"away")
    bench.until(lambda: bench.intake.tries[away] > 0 and not bench.intake.at_once, "tried")
    bench.receiving.finish(5)
    assert [message.identity for message in bench.broker.waiting] == [away]
    assert bench.client.held == {}
