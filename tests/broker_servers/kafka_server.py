"""A Kafka cluster without Kafka: librdkafka's mock cluster, held by a process of its own and served to any client.

It knows producers (idempotent ones too), consumer groups and their commits. It keeps everything in memory, at most
5 MB a partition, and spreads nothing over several machines.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import confluent_kafka
from confluent_kafka import KafkaError

ROOT = Path(__file__).resolve().parent.parent.parent
_REBALANCE_DELAY_MS = 50


class KafkaServer:
    """The cluster in a child process that ends with its owner. Use as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.broker_servers.kafka_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self._answer()

    def __enter__(self) -> KafkaServer:
        return self

    def __exit__(self, *problem: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)

    def create_topic(self, name: str, partitions: int) -> None:
        """Topics that are not made come with four partitions at the first word about them."""
        self._tell(f"topic {name} {partitions}")

    def hide_topic(self, name: str) -> None:
        """As one that is not there, on a cluster that makes none by itself."""
        self._tell(f"hide {name}")

    def go_down(self) -> None:
        """Close every connection and take none, but remember everything."""
        self._tell("down")

    def come_up(self) -> None:
        """Listen again at the same address."""
        self._tell("up")

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer == "0", f"{line}: librdkafka's error {answer}"

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


class _Cluster:
    """The C interface, which the Python package carries but does not wrap."""

    def __init__(self) -> None:
        packages = Path(confluent_kafka.__file__).parent.parent
        library = next((packages / "confluent_kafka.libs").glob("librdkafka*.so*"))
        self._call = ctypes.CDLL(str(library))
        for name in ("conf_new", "new", "mock_cluster_new"):
            getattr(self._call, f"rd_kafka_{name}").restype = ctypes.c_void_p
        self._call.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        message = ctypes.create_string_buffer(512)
        configuration = ctypes.c_void_p(self._call.rd_kafka_conf_new())
        client = self._call.rd_kafka_new(0, configuration, message, ctypes.c_size_t(len(message)))
        assert client, message.value
        self._handle = ctypes.c_void_p(self._call.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
        self._call.rd_kafka_mock_group_initial_rebalance_delay_ms(self._handle, _REBALANCE_DELAY_MS)

    def find_address(self) -> str:
        """What clients take as bootstrap.servers."""
        address: bytes = self._call.rd_kafka_mock_cluster_bootstraps(self._handle)
        return address.decode()

    def do(self, words: list[str]) -> int:
        """One command; returns librdkafka's error number, 0 for none."""
        if words[0] == "topic":
            return int(self._call.rd_kafka_mock_topic_create(self._handle, words[1].encode(), int(words[2]), 1))
        if words[0] == "hide":
            self._call.rd_kafka_mock_topic_set_error(self._handle, words[1].encode(), KafkaError.UNKNOWN_TOPIC_OR_PART)
            return 0
        verb = {"down": "set_down", "up": "set_up"}[words[0]]
        return int(getattr(self._call, f"rd_kafka_mock_broker_{verb}")(self._handle, 1))


def _serve() -> None:
    cluster = _Cluster()
    sys.stdout.write(cluster.find_address() + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{cluster.do(line.split())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
