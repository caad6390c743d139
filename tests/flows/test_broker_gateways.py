"""The gateways of Kafka and Pub/Sub as real processes beside a real stack: kills, repeats, sharing, dead letters."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.broker_servers.kafka_server import KafkaServer
from tests.broker_servers.programs import PROJECT, KafkaProgram, Program, PubsubProgram
from tests.broker_servers.pubsub_server import PubsubServer
from tests.free_ports import free_port
from tests.row_makers import png_bytes
from tests.stack import ROOT, Stack, await_that
from tests.stub_predictor import LABELS, grey_sum

pytestmark = pytest.mark.processes

EXAMPLES = ROOT / "docs" / "examples"
COUNT = 60
SETTINGS = {
    "LOG_LEVEL": "INFO",
    "GATEWAY_LEASE_SECONDS": "4",
    "GATEWAY_IN_HAND": "16",
    "GATEWAY_KAFKA_SESSION_SECONDS": "3",
    "GATEWAY_PUBSUB_PROJECT": PROJECT,
    "GATEWAY_PUBSUB_DEADLINE_SECONDS": "4",
}


@pytest.fixture(scope="module")
def kafka(stack: Stack) -> Iterator[KafkaServer]:
    with KafkaServer() as server:
        for topic in ("req_predict", "res_predict", "req_predict_dead", "fashion-images", "fashion-images_dead"):
            server.create_topic(topic, 4)
        stack.environment |= {**SETTINGS, "GATEWAY_KAFKA_SERVERS": server.address}
        yield server


@pytest.fixture(scope="module")
def pubsub(stack: Stack) -> Iterator[PubsubServer]:
    with PubsubServer() as server:
        stack.environment |= {**SETTINGS, "PUBSUB_EMULATOR_HOST": server.address}
        os.environ["PUBSUB_EMULATOR_HOST"] = server.address
        yield server
        del os.environ["PUBSUB_EMULATOR_HOST"]


def start(stack: Stack, name: str, broker: str, **extra: str) -> None:
    stack.start(name, [sys.executable, "manage.py", "gateway", broker], **extra)
    await_that(lambda: "gateway_connected" in read_log(stack, name), 120, f"{name} is connected")


def read_log(stack: Stack, name: str) -> str:
    return (stack.folder / f"{name}.out").read_text()


def count_accepted(port: int) -> float:
    """What the gateway with this metrics port has taken in."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("whatsit_gateway_messages_total{"))


def await_answers(program: Program, keys: Mapping[str, bytes], answers: int) -> dict[str, list[bytes]]:
    """By id, once so many came and none is missing."""
    found: dict[str, list[bytes]] = defaultdict(list)

    def enough() -> bool:
        for key, body in program.hear(0.2):
            if key in keys:
                found[key].append(body)
        return len(found) == len(keys) and sum(map(len, found.values())) >= answers

    await_that(enough, 120, f"{answers} answers to {len(keys)} requests")
    return dict(found)


def expected_label(picture: bytes) -> str:
    return LABELS[grey_sum(picture) % len(LABELS)]


def run_example(stack: Stack, script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=stack.environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def kill_while_answering(stack: Stack, broker: str, program: Program, first: int) -> None:
    """It ends itself at the worst moment: answers are out, and no row says so. The next one says the same again."""
    requests = {f"kill-{number}": png_bytes(first + number) for number in range(COUNT)}
    name = f"{broker}-dying"
    start(stack, name, broker, FAILPOINTS="after-answers-published=exit")
    program.send(requests)
    stack.processes[name].wait(120)
    start(stack, broker, broker)
    found = await_answers(program, requests, COUNT + 1)
    assert all(len(set(bodies)) == 1 for bodies in found.values())
    assert json.loads(found["kill-0"][0])["label"] == expected_label(requests["kill-0"])


def repeat(program: Program, picture: bytes) -> None:
    requests = {"good": picture, "bad": b"no picture"}
    program.send(requests)
    once = await_answers(program, requests, 2)
    program.send(requests)
    again = await_answers(program, requests, 2)
    assert {key: set(bodies) for key, bodies in once.items()} == {key: set(bodies) for key, bodies in again.items()}
    assert json.loads(once["good"][0])["label"] == expected_label(picture)
    assert json.loads(once["bad"][0])["error"]["code"] == "type_not_allowed"


def test_a_killed_gateway_of_kafka_loses_nothing_and_answers_alike(stack: Stack, kafka: KafkaServer) -> None:
    kill_while_answering(stack, "kafka", KafkaProgram(kafka), 8000)


def test_a_repeat_over_kafka_gets_the_same_answer(stack: Stack, kafka: KafkaServer) -> None:
    repeat(KafkaProgram(kafka), png_bytes(8100))


def test_kafkas_example_client_prints_the_label_of_one_picture(
    stack: Stack, kafka: KafkaServer, tmp_path: Path
) -> None:
    (tmp_path / "shoe.png").write_bytes(png_bytes(8101))
    printed = run_example(stack, "kafka/classify.py", str(tmp_path / "shoe.png"), kafka.address)
    assert printed.strip() == expected_label(png_bytes(8101))


def test_two_gateways_of_kafka_share_the_partitions_and_a_stopped_one_leaves_nothing_behind(
    stack: Stack, kafka: KafkaServer
) -> None:
    program = KafkaProgram(kafka)
    port = free_port()
    start(stack, "other", "kafka", GATEWAY_METRICS_PORT=str(port))
    await_that(lambda: bool(re.search(r'"partitions": \[\d', read_log(stack, "other"))), 120, "it has partitions")
    requests = {f"shared-{number}": png_bytes(8200 + number) for number in range(COUNT)}
    program.send(requests)
    found = await_answers(program, requests, COUNT)
    assert [len(bodies) for bodies in found.values()] == [1] * COUNT
    assert 0 < count_accepted(port) < COUNT
    assert stack.kill("other", signal.SIGTERM) == 0
    assert "gateway_stopped" in read_log(stack, "other")
    after = {"after": png_bytes(8300)}
    program.send(after)
    await_answers(program, after, 1)


def test_a_folder_goes_over_fashion_images_past_a_message_that_five_gateways_died_of(
    stack: Stack, kafka: KafkaServer, tmp_path: Path
) -> None:
    program = KafkaProgram(kafka, "fashion-images_dead")
    program.send({"poison": b"\x89PNG poison"}, "fashion-images")
    died = Consumer({"bootstrap.servers": kafka.address, "group.id": "whatsit-fashion"})
    died.commit(offsets=[TopicPartition("fashion-images", 0, 0, "1:5")], asynchronous=False)
    died.close()
    start(stack, "fashion", "kafka", GATEWAY_REQUEST_TOPIC="fashion-images", GATEWAY_GROUP="whatsit-fashion")
    pictures = {tmp_path / name / "1.png": png_bytes(8400 + number) for number, name in enumerate(("bag", "coat"))}
    for path, picture in pictures.items():
        path.parent.mkdir()
        path.write_bytes(picture)
    printed = run_example(stack, "kafka/send_folder.py", str(tmp_path), kafka.address)
    labels = {Path(path): label for path, label in (line.split("\t") for line in printed.splitlines())}
    assert labels == {path: expected_label(picture) for path, picture in pictures.items()}
    (letter,) = program.read(60)
    headers = dict(letter.headers())
    assert (letter.key(), letter.value()) == (b"poison", b"\x89PNG poison")
    assert headers["Whatsit-Failures"] == b"6"
    assert b"delivered too often" in headers["Whatsit-Reason"]


def test_a_killed_gateway_of_pubsub_loses_nothing_and_answers_alike(stack: Stack, pubsub: PubsubServer) -> None:
    program = PubsubProgram()
    kill_while_answering(stack, "pubsub", program, 8500)
    repeat(program, png_bytes(8600))


def test_pubsubs_example_clients_print_labels(stack: Stack, pubsub: PubsubServer, tmp_path: Path) -> None:
    shoe = tmp_path / "shoe.png"
    shoe.write_bytes(png_bytes(8601))
    assert run_example(stack, "pubsub/classify.py", str(shoe), PROJECT).strip() == expected_label(shoe.read_bytes())
    printed = run_example(stack, "pubsub/send_folder.py", str(tmp_path), PROJECT, "req_predict")
    assert printed.strip() == f"{shoe}\t{expected_label(shoe.read_bytes())}"
    started = time.monotonic()
    assert stack.kill("pubsub", signal.SIGTERM) == 0
    assert time.monotonic() - started < 30
