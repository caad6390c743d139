"""The history checker: what clients were told, held against rows and objects once the faults have stopped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.row_makers import png_bytes
from tests.stack import Stack, await_that

OPEN_ROWS = """
from classifier.models import Prediction
result = Prediction.objects.filter(state__in=['queued', 'claimed']).count()
"""
FACTS = """
import hashlib
from classifier.models import Image
from classifier.object_storage import read_object, object_exists
result = {}
for image in Image.objects.prefetch_related('predictions'):
    stored = read_object(image.storage_key) if object_exists(image.storage_key) else b''
    whole = hashlib.sha256(stored).hexdigest() == image.file_sha256
    rows = image.predictions.all()
    answers = [row.model_version_id for row in rows]
    facts = {'sent': image.sha256, 'whole': whole, 'states': [row.state for row in rows]}
    result[str(image.id)] = {**facts, 'twice': len(answers) > len(set(answers))}
"""
ORPHANS = "from classifier.orphans import remove_orphans; result = remove_orphans(older_than_seconds=0)"


@dataclass
class History:
    """Every request of the clients and how it ended."""

    stack: Stack
    accepted: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[int] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    rounds: int = 0
    found: tuple[int, int, int] | None = None  # lost, duplicated, stuck

    def send(self, client: httpx.Client, seed: int, *, key: str | None = None, side: int = 28) -> int:
        """Upload one picture; 0 when the outcome is unknown. Returns the status."""
        headers = {"Idempotency-Key": key} if key else {}
        files = {"file": (f"{seed}.png", png_bytes(seed, side=side))}
        try:
            response = client.post("/api/v1/images", files=files, headers=headers)
        except httpx.HTTPError:
            self.outcomes[0] += 1
            return 0
        self.outcomes[response.status_code] += 1
        if response.status_code == 201:
            image: dict[str, Any] = response.json()["images"][0]
            self.accepted[image["id"]] = image["sha256"]
        return response.status_code

    def await_quiet(self, seconds: float) -> float:
        """Wait until no prediction is open; returns the seconds it took."""
        took = await_that(lambda: self.stack.query(OPEN_ROWS) == 0, seconds, "every prediction has ended")
        self.recoveries.append(took)
        return took

    def check(self, *, failed: int = 0, versions: int = 1) -> None:
        """Nothing lost, twice, stuck or contradictory; exactly `failed` images ended without an answer.

        With more than one version each may have answered, once: promotions are followed up.
        """
        facts = self.stack.query(FACTS)
        lost = [key for key, sent in self.accepted.items() if key not in facts or facts[key]["sent"] != sent]
        damaged = [key for key, fact in facts.items() if not fact["whole"]]
        twice = [key for key, fact in facts.items() if fact["twice"] or not 1 <= len(fact["states"]) <= versions]
        states = Counter(state for fact in facts.values() for state in fact["states"])
        stuck = sum(states[state] for state in ("queued", "claimed"))
        self.found = (len({*lost, *damaged}), len(twice), stuck)
        assert (lost, damaged, twice) == ([], [], [])
        assert states == Counter(done=states.total() - failed, failed=failed)
