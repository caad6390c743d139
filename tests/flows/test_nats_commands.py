"""Commands over NATS with a real train worker: a training and a measuring, answered when they have ended."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.broker_servers.nats_server import BINARY, MISSING, NatsServer
from tests.flows.test_training_worker import TrainStack, trainers
from tests.stack import await_that

__all__ = ["trainers"]  # pytest finds fixtures by their names in this file

pytestmark = [
    pytest.mark.long,
    pytest.mark.processes,
    pytest.mark.skipif(BINARY is None, reason=MISSING),
]
TINY = {
    "batch_size": 16,
    "shift_pixels": 0,
    "mixed_precision": "off",
    "network_settings": {"stem": 4, "widths": [8], "blocks": [1]},
}


async def ask(url: str, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers, one command after the other."""
    connection = await nats.connect(url)
    try:
        replies = [
            await connection.request("req_predict", json.dumps(command).encode(), timeout=120) for command in commands
        ]
    finally:
        await connection.close()
    return [json.loads(reply.data) for reply in replies]


def test_a_training_and_a_measuring_are_answered_with_figures_and_verdict(trainers: TrainStack, tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    stack = trainers.stack
    with NatsServer(tmp_path / "nats") as server:
        trainers.start_worker()
        stack.start(
            "gateway",
            [sys.executable, "manage.py", "gateway", "nats"],
            GATEWAY_NATS_URL=server.url,
            LOG_LEVEL="INFO",
        )
        log = stack.folder / "gateway.out"
        await_that(lambda: "gateway_connected" in log.read_text(), 60, "the gateway is connected")
        train = {"id": "t", "command": "train", "classifier": "halves", "epochs": 3, **TINY}
        trained, measured, unchanged = asyncio.run(
            ask(server.url, train, {"id": "e", "command": "evaluate", "classifier": "halves"}, {**train, "id": "u"})
        )
    assert (trained["state"], trained["model"]["version"], trained["model"]["stage"]) == ("done", 1, "live")
    assert trained["metrics"]["accuracy"] > 0.5
    assert trained["verdict"]["passed"] is True
    assert (measured["state"], measured["model"], measured["error"]) == ("done", trained["model"], None)
    assert measured["metrics"]["accuracy"] == trained["metrics"]["accuracy"]
    assert (unchanged["state"], unchanged["model"]) == ("unchanged", trained["model"])
