"""Typed readers for environment values. Each refuses nonsense with a sentence that names the variable."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_DURATION_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def read_text(name: str, default: str) -> str:
    """The variable's text without surrounding blanks; an empty value counts as unset."""
    return os.environ.get(name, "").strip() or default


def read_flag(name: str, default: bool) -> bool:
    """A yes/no value: 1/0, true/false, yes/no, on/off."""
    value = read_text(name, "").lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no (1/0, true/false, on/off); it is {value!r}.")


def read_integer(name: str, default: int, *, low: int = 0, high: int = 2**62) -> int:
    """A whole number between low and high, both included."""
    value = read_text(name, "")
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number; it is {value!r}.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must be between {low} and {high}; it is {number}.")
    return number


def read_seconds(name: str, default: float, *, low: float = 0.001, high: float = 366 * 86400.0) -> float:
    """A duration in seconds; a unit may follow the number: 250ms, 30s, 5m, 2h, 1d."""
    value = read_text(name, "")
    if not value:
        return default
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ImproperlyConfigured(f"{name} must be a duration such as 30s, 5m or 250ms; it is {value!r}.")
    seconds = float(match[1]) * _DURATION_SECONDS[match[2]]
    if not low <= seconds <= high:
        raise ImproperlyConfigured(f"{name} must be between {low} and {high} seconds; it is {seconds}.")
    return seconds


def read_choice(name: str, default: str, choices: Collection[str]) -> str:
    """One word of a closed list."""
    value = read_text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(choices))}; it is {value!r}.")
    return value


def read_list(name: str, default: list[str]) -> list[str]:
    """Comma-separated words."""
    value = read_text(name, "")
    return [word.strip() for word in value.split(",") if word.strip()] if value else default


def read_networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Comma-separated networks such as 10.0.0.0/8; a single address is a network of one. None by default."""
    try:
        return [ipaddress.ip_network(word) for word in read_list(name, [])]
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name} must be networks such as 10.0.0.0/8, with commas: {problem}.") from None


def read_secret(name: str) -> str:
    """The secret itself (NAME) or the first line of the file that NAME_FILE points to; empty when neither is set."""
    value = read_text(name, "")
    file_name = read_text(f"{name}_FILE", "")
    if value and file_name:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    if not file_name:
        return value
    try:
        return Path(file_name).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {problem}.") from problem


def secret_from_file_or_new(path: Path) -> str:
    """The secret kept in `path`; made there (0600, random, 50 characters) on the first call.

    Two processes that start together agree: the first one to create the file wins.
    """
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(side, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(38)[:50])
    try:
        os.link(side, path)
    except FileExistsError:
        pass
    finally:
        side.unlink()
    return path.read_text(encoding="ascii")
