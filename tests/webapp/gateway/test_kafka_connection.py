"""What an operator of the gateway to Kafka is told when something is wrong with the connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from webapp.gateway.kafka import KafkaClient
from webapp.gateway.kafka_connection import read_properties
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions

OPTIONS = GatewayOptions("requests", "answers", "dead", "group", 10, 1_000_000)


def test_a_broker_that_does_not_answer_is_said_in_a_sentence(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GATEWAY_KAFKA_SERVERS = "127.0.0.1:1"
    monkeypatch.setattr("webapp.gateway.kafka_connection._ANSWER_SECONDS", 0.2)
    client = KafkaClient(OPTIONS)
    with pytest.raises(BrokerUnavailable, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        client.connect()
    client.close()


def test_properties_are_lines_of_name_and_value(tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text("# ours\n\nsasl.username = whatsit\nsasl.password=a=b\n")
    assert read_properties(str(tmp_path / "kafka.properties")) == {"sasl.username": "whatsit", "sasl.password": "a=b"}
    assert read_properties("") == {}


def test_a_line_that_makes_no_sense_is_told_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text("# ours\nsasl.password secret")
    with pytest.raises(BrokerUnavailable, match=r"line 2 of .* must read name=value") as refused:
        read_properties(str(tmp_path / "kafka.properties"))
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="GATEWAY_KAFKA_PROPERTIES cannot be read"):
        read_properties(str(tmp_path / "nowhere"))


def test_a_property_that_nobody_knows_is_said(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text("no.such.property=1")
    settings.GATEWAY_KAFKA_PROPERTIES = str(tmp_path / "kafka.properties")
    with pytest.raises(BrokerUnavailable, match="No such configuration"):
        KafkaClient(OPTIONS).connect()
