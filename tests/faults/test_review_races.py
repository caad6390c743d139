"""T36: two reviewers and a new answer at the same moment on one picture. No word is written over unseen."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.history import History
from tests.faults.version_changes import REGISTER
from tests.postgres_server import PostgresMissing, run_server
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

TRIALS = int(os.environ.get("FAULT_TRIALS", "1000"))
WORDS = ("dog", "bird")
LATEST_START = 0.06
"""Seconds from the wish for a new answer to the words, in ten steps from none to this: by then it is there."""
TOKENS = """
from django.contrib.auth.models import Group, User
from classifier.api_tokens import create_token
result = []
for name in ('ann', 'bob'):
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name="reviewer"))
    result.append(create_token(user=user, name='trial', scopes=['review'])[1])
"""
VERSIONS = """
from classifier.models import ModelVersion
result = [str(version.id) for version in ModelVersion.objects.order_by('number')]
"""
STANDING = """
from classifier.models import Image
result = {}
for image in Image.objects.prefetch_related('predictions', 'reviews__label').select_related('settled_label'):
    words = [[word.user.username, word.label.name] for word in image.reviews.all()]
    done = sorted(row.model_version.number for row in image.predictions.all() if row.state == 'done')
    settled = image.settled_label.name if image.settled_label else ''
    result[str(image.id)] = [words, image.review_state, settled, image.usefulness, done, image.current_prediction.state]
"""


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    if getattr(request, "param", "") != "postgresql":
        with Stack(tmp_path) as running:
            running.await_worker()
            yield running
        return
    try:
        with run_server() as server, Stack(tmp_path, environment={"DATABASE_URL": server.url}) as running:
            running.await_worker()
            yield running
    except PostgresMissing as missing:
        pytest.skip(str(missing))


class Race:
    """A thread for each reviewer and one that asks for a new answer, started together for every picture."""

    def __init__(self, stack: Stack, owner: httpx.Client, tokens: list[str], version: str) -> None:
        self._version = version
        self._owner = owner
        self._reviewers = [stack.client(headers={"Authorization": f"Bearer {token}"}) for token in tokens]

    def run(self, identifier: str, pause: float) -> list[Any]:
        """What each reviewer was told."""
        seen = self._owner.get(f"/api/v1/images/{identifier}").json()["version"]
        start = threading.Barrier(3)
        told: list[Any] = [None, None]

        def say(number: int) -> None:
            body = {"verdict": "correct", "label": WORDS[number], "version": seen}
            start.wait()
            time.sleep(pause)
            told[number] = self._reviewers[number].post(f"/api/v1/images/{identifier}/reviews", json=body)

        threads = [threading.Thread(target=say, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        start.wait()
        asked = self._owner.post(f"/api/v1/images/{identifier}/predictions", json={"model": self._version})
        for thread in threads:
            thread.join()
        assert asked.status_code == 202
        return told


def race(stack: Stack, history: History) -> None:
    tokens = stack.query(TOKENS)
    stack.query(REGISTER.format(offset=1))
    other = stack.query(VERSIONS)[1]
    winners: dict[str, str] = {}
    with stack.client() as owner:
        for seed in range(TRIALS):
            assert history.send(owner, seed) == 201
        history.await_quiet(120)
        trial = Race(stack, owner, tokens, other)
        for number, identifier in enumerate(history.accepted):
            told = trial.run(identifier, LATEST_START * (number % 10) / 9)
            winners[identifier] = winner_of(told)
            history.rounds += 1
    history.await_quiet(120)
    assert set(winners.values()) == set(WORDS)
    for identifier, standing in stack.query(STANDING).items():
        words, state, settled, usefulness, done, current = standing
        assert [word for _, word in words] == [winners[identifier]]
        assert (state, settled, usefulness) == ("settled", winners[identifier], None)
        assert (done, current) == ([1, 2], "done")


def winner_of(told: list[httpx.Response]) -> str:
    """One was stored; the other was told whose word is there."""
    codes = [answer.status_code for answer in told]
    assert sorted(codes) == [201, 409], codes
    winner = codes.index(201)
    refusal = told[1 - winner].json()["error"]
    assert refusal["code"] == "in_progress"
    assert f"{('ann', 'bob')[winner]} reviewed this picture as “{WORDS[winner]}”" in refusal["message"]
    return WORDS[winner]


def test_t36_two_reviewers_and_a_new_answer_at_once_write_over_no_word(stack: Stack, history: History) -> None:
    race(stack, history)


@pytest.mark.parametrize("stack", ["postgresql"], indirect=True)
def test_t36_two_reviewers_and_a_new_answer_at_once_on_postgresql(stack: Stack, history: History) -> None:
    race(stack, history)
