"""The typed readers: each takes what is sensible and refuses the rest with a sentence that names the variable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from classifier import environment

NAME = "WHATSIT_TEST_VALUE"


def put(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)


@pytest.mark.parametrize(("value", "read"), [("here", "here"), ("  here ", "here"), ("", "default"), ("  ", "default")])
def test_text_loses_its_blanks_and_empty_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, value: str, read: str
) -> None:
    put(monkeypatch, value)
    assert environment.read_text(NAME, "default") == read


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "Yes", "on"])
def test_a_flag_reads_each_word_for_yes(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    put(monkeypatch, value)
    assert environment.read_flag(NAME, False) is True


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_a_flag_reads_each_word_for_no(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    put(monkeypatch, value)
    assert environment.read_flag(NAME, True) is False


@pytest.mark.parametrize("default", [True, False])
def test_an_unset_flag_is_its_default(default: bool) -> None:
    assert environment.read_flag(NAME, default) is default


@pytest.mark.parametrize(("value", "number"), [("0", 0), (" 7 ", 7), ("-3", -3), ("100", 100)])
def test_a_whole_number_within_its_bounds_is_read(monkeypatch: pytest.MonkeyPatch, value: str, number: int) -> None:
    put(monkeypatch, value)
    assert environment.read_integer(NAME, 5, low=-3, high=100) == number


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30", 30.0), ("30s", 30.0), ("250ms", 0.25), ("1.5m", 90.0), ("2h", 7200.0), ("1d", 86400.0)],
)
def test_a_duration_is_read_with_its_unit(monkeypatch: pytest.MonkeyPatch, value: str, seconds: float) -> None:
    put(monkeypatch, value)
    assert environment.read_seconds(NAME, 1.0) == seconds


def test_a_choice_is_one_of_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "small")
    assert environment.read_choice(NAME, "auto", ("auto", "small")) == "small"


@pytest.mark.parametrize(("value", "words"), [("a,b", ["a", "b"]), (" a , ,b,", ["a", "b"]), (",", []), ("", ["d"])])
def test_a_list_is_split_at_commas(monkeypatch: pytest.MonkeyPatch, value: str, words: list[str]) -> None:
    put(monkeypatch, value)
    assert environment.read_list(NAME, ["d"]) == words


def test_networks_are_read_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "10.0.0.0/8, fd00::/8,127.0.0.1")
    assert [str(network) for network in environment.read_networks(NAME)] == ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]
    put(monkeypatch, "")
    assert environment.read_networks(NAME) == []


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "a flag of another language": ("ja", lambda: environment.read_flag(NAME, False)),
    "a number with letters": ("10MB", lambda: environment.read_integer(NAME, 1)),
    "a broken number": ("1.5", lambda: environment.read_integer(NAME, 1)),
    "a number too small": ("0", lambda: environment.read_integer(NAME, 1, low=1)),
    "a number too large": ("11", lambda: environment.read_integer(NAME, 1, high=10)),
    "a network with bits of a machine": ("10.0.0.1/8", lambda: environment.read_networks(NAME)),
    "a name for a network": ("intranet", lambda: environment.read_networks(NAME)),
    "a duration without a number": ("soon", lambda: environment.read_seconds(NAME, 1.0)),
    "a duration of an unknown unit": ("3 weeks", lambda: environment.read_seconds(NAME, 1.0)),
    "a negative duration": ("-5s", lambda: environment.read_seconds(NAME, 1.0)),
    "no duration at all": ("0", lambda: environment.read_seconds(NAME, 1.0)),
    "an endless duration": ("inf", lambda: environment.read_seconds(NAME, 1.0)),
    "a word outside the list": ("huge", lambda: environment.read_choice(NAME, "auto", ("auto", "small"))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nonsense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    value, read = REFUSED[case]
    put(monkeypatch, value)
    with pytest.raises(ImproperlyConfigured, match=rf"{NAME} must be .*{value}"):
        read()


def test_a_secret_stands_in_the_variable_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "open sesame")
    assert environment.read_secret(NAME) == "open sesame"


def test_a_secret_is_read_from_the_file_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert environment.read_secret(NAME) == "open sesame"


def test_an_unset_secret_is_empty() -> None:
    assert environment.read_secret(NAME) == ""


def test_a_secret_said_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, "a")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured, match="not both"):
        environment.read_secret(NAME)


def test_a_secrets_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE cannot be read"):
        environment.read_secret(NAME)


def test_a_made_secret_is_kept_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret-key"
    secret = environment.secret_from_file_or_new(path)
    assert len(secret) == 50
    assert environment.secret_from_file_or_new(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret-key"]


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    start, made = threading.Barrier(8), set()

    def make() -> None:
        start.wait()
        made.add(environment.secret_from_file_or_new(tmp_path / "secret-key"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
