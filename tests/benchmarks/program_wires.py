"""The gateway's benchmark over Kafka (librdkafka's mock cluster) and Pub/Sub (our small server)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks.gateway_wires import Answers, Wire
from tests.broker_servers.kafka_server import KafkaServer
from tests.broker_servers.programs import PARTITIONS, PROJECT, KafkaProgram, Program, PubsubProgram
from tests.broker_servers.pubsub_server import PubsubServer


class ProgramWire:
    """A broker's other program, listening in a thread."""

    broker: str
    environment: dict[str, str]

    def __init__(self, folder: Path) -> None:
        self.answers = Answers()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._program = self.open()

    def open(self) -> Program:
        """Start the broker, set `environment`."""
        raise NotImplementedError

    def shut(self) -> None:
        """End the broker."""
        raise NotImplementedError

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self.shut()

    def send(self, pictures: Mapping[str, bytes]) -> None:
        self._program.send(pictures)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            for key, body in self._program.hear(0.2):
                self.answers.add(key, body)


class KafkaWire(ProgramWire):
    """A killed member's partitions go on after the session's time; three seconds instead of ten."""

    broker = "kafka"

    def open(self) -> Program:
        self._server = KafkaServer()
        for topic in ("req_predict", "res_predict", "req_predict_dead"):
            self._server.create_topic(topic, PARTITIONS)
        self.environment = {
            "GATEWAY_KAFKA_SERVERS": self._server.address,
            "GATEWAY_KAFKA_SESSION_SECONDS": "3",
        }
        return KafkaProgram(self._server)

    def shut(self) -> None:
        self._server.__exit__()


class PubsubWire(ProgramWire):
    """What a killed gateway held comes again after its deadline: ten seconds, Google's shortest."""

    broker = "pubsub"

    def open(self) -> Program:
        self._server = PubsubServer()
        self._server.start()
        os.environ["PUBSUB_EMULATOR_HOST"] = self._server.address
        self.environment = {
            "PUBSUB_EMULATOR_HOST": self._server.address,
            "GATEWAY_PUBSUB_PROJECT": PROJECT,
            "GATEWAY_PUBSUB_DEADLINE_SECONDS": "10",
        }
        return PubsubProgram()

    def shut(self) -> None:
        self._server.stop()


PROGRAM_WIRES: dict[str, Callable[[Path], Wire]] = {"kafka": KafkaWire, "pubsub": PubsubWire}
