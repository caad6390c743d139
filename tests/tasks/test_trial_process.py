"""How the trial of a version ends: proved, refused with a sentence, put off, or killed past its bounds."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from classifier.models import Classifier, ModelVersion
from tasks.trial_process import Trial, Verdict, try_version
from tests.row_makers import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(pets: Classifier, settings: Any, tmp_path: Path) -> ModelVersion:
    """A version whose trial runs the script that the test writes in place of manage.py."""
    settings.BASE_DIR = tmp_path
    return make_version(pets, "2" * 64)


def try_with(settings: Any, script: str, may_go_on: Any = lambda: True) -> Trial:
    (settings.BASE_DIR / "manage.py").write_text(f"import os, sys, time\n{script}")
    return try_version(ModelVersion.objects.get(number=2), may_go_on=may_go_on)


def test_what_the_child_says_last_is_what_was_proved(version: ModelVersion, settings: Any) -> None:
    trial = try_with(settings, "print('noise'); print('It answered.'); print(sys.argv[1:], file=sys.stderr)")
    assert trial == Trial(Verdict.PROVED, "It answered.")


def test_the_child_is_told_which_version(version: ModelVersion, settings: Any) -> None:
    assert try_with(settings, "print(*sys.argv[1:])").words == f"prove pets {version.id} --tethered"


def test_a_sentence_of_the_child_is_the_reason(version: ModelVersion, settings: Any) -> None:
    script = (
        "print('a warning', file=sys.stderr); sys.exit('CommandError: v2 cannot go live: weights.npz was altered.')"
    )
    assert try_with(settings, script) == Trial(Verdict.REFUSED, "v2 cannot go live: weights.npz was altered.")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("raise KeyError('/secret/place')", "Loading v2 ended with exit code 1; the worker's log says more."),
        ("os.kill(os.getpid(), 9)", "Loading v2 ended with signal 9; the worker's log says more."),
        ("sys.exit(70)", "Loading v2 ended with exit code 70; the worker's log says more."),
    ],
)
def test_a_crash_refuses_without_telling_places(script: str, words: str, version: ModelVersion, settings: Any) -> None:
    assert try_with(settings, script) == Trial(Verdict.REFUSED, words)


def test_a_store_that_is_away_refuses_nothing(version: ModelVersion, settings: Any) -> None:
    assert try_with(settings, f"sys.exit({os.EX_TEMPFAIL})").verdict is Verdict.TROUBLE


def test_a_trial_past_its_time_is_killed(version: ModelVersion, settings: Any) -> None:
    settings.PROMOTION_TRIAL_SECONDS = 0.3
    started = time.monotonic()
    trial = try_with(settings, "time.sleep(60)")
    assert trial == Trial(Verdict.REFUSED, "It did not load and answer within 0.3 s.")
    assert time.monotonic() - started < 50


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc, which this system lacks")
def test_a_trial_past_its_memory_is_killed(version: ModelVersion, settings: Any) -> None:
    settings.PROMOTION_MEMORY_BYTES = 100_000_000
    trial = try_with(settings, "held = b'x' * 300_000_000; time.sleep(60)")
    assert trial == Trial(Verdict.REFUSED, "It took more than 100 MB of memory while it was loaded.")


def test_a_trial_that_may_not_go_on_is_left(version: ModelVersion, settings: Any) -> None:
    answers = iter([True, True, False])
    assert try_with(settings, "time.sleep(60)", lambda: next(answers)) == Trial(Verdict.LEFT)
