"""A Redis of their own for tests that count, on any machine that can run the embedded stack."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import redis

from classifier.redis_settings import redis_database
from tests.stack import await_that
from webapp.embedded.redis_server import PrivateRedis, plan_private_redis, redis_answers


def start_redis(planned: PrivateRedis) -> subprocess.Popen[bytes]:
    """As `up` does, until it answers."""
    process = subprocess.Popen([planned.program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(planned.configuration)
    process.stdin.close()
    await_that(lambda: redis_answers(planned.url, 0.2), 60, "Redis answers")
    return process


@pytest.fixture(scope="module")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address and its process, which a test may stop and continue."""
    planned = plan_private_redis(tmp_path_factory.mktemp("redis"))
    process = start_redis(planned)
    yield planned.url, process
    process.kill()
    process.wait()


@pytest.fixture
def counting_redis(redis_process: tuple[str, subprocess.Popen[bytes]]) -> str:
    """The address of the empty database that counts requests."""
    url = redis_database(redis_process[0], 3)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
