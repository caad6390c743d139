"""What Prometheus reads of webhooks."""

from __future__ import annotations

import pytest

from classifier.webhooks import change_webhook, find_webhook, send_test
from tests.webapp.people import person
from tests.webhook_receiver import make_webhook_rows
from webapp.webhook_metrics import read_webhook_metrics

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


def read() -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for metric in read_webhook_metrics()
        for sample in metric.samples
    }


def test_without_webhooks_nothing_waits() -> None:
    assert read() == {("whatsit_webhook_waiting",): 0}


def test_each_webhook_tells_its_outcomes_and_whether_it_fails() -> None:
    rows = make_webhook_rows(person("owner"))
    told = read()
    outcomes = {
        name: told["whatsit_webhook_deliveries_total", *sorted((rows["webhook"], name))]
        for name in ("delivered", "failed", "given_up")
    }
    assert outcomes == {"delivered": 1, "failed": 2, "given_up": 1}
    assert told["whatsit_webhook_failing", rows["webhook"]] == 1
    assert told["whatsit_webhook_failing", rows["new_webhook"]] == 0
    assert told["whatsit_webhook_waiting",] == 1


def test_what_waits_for_a_paused_one_is_not_counted_as_waiting() -> None:
    rows = make_webhook_rows(person("owner"))
    fresh = find_webhook(rows["new_webhook"])
    send_test(webhook=fresh)
    assert read()["whatsit_webhook_waiting",] == 2
    change_webhook(webhook=fresh, user=fresh.user, changes={"is_active": False})
    assert read()["whatsit_webhook_waiting",] == 1
