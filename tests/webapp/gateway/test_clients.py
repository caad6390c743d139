"""Which client speaks to which broker, and what is said where its library is missing."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from webapp.gateway.clients import BROKERS, find_client
from webapp.gateway.protocol import GatewayOptions

OPTIONS = GatewayOptions("req_predict", "res_predict", "req_predict_dead", "whatsit", in_hand=8, most_bytes=20_000)


@pytest.mark.parametrize("broker", BROKERS)
def test_every_broker_has_a_client_that_opens_nothing_before_it_is_told_to(broker: str) -> None:
    client = find_client(broker)(OPTIONS)
    assert client.source.startswith(f"{broker}:")
    assert not client.is_connected
    client.close()


def test_a_missing_library_is_a_sentence_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def refuse(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "nats":
            raise ModuleNotFoundError("No module named 'nats'", name="nats")
        return usual(name, *arguments, **named)

    for module in [name for name in sys.modules if name.startswith("webapp.gateway.nats")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(CommandError, match="pip install nats-py"):
        call_command("gateway", "nats")
