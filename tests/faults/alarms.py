"""What monitoring sees of a fault: `/metrics` and `/healthz/progress`."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.stack import Stack


def metric(stack: Stack, name: str, **labels: str) -> float:
    """The sum of all samples of this name with these labels; 0 where there is none."""
    with stack.client() as client:
        text = client.get("/metrics").raise_for_status().text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def progress(stack: Stack) -> tuple[int, dict[str, Any]]:
    """Status and body of the question whether work is moving."""
    with stack.client() as client:
        answer = client.get("/healthz/progress")
        body: dict[str, Any] = answer.json()
        return answer.status_code, body
