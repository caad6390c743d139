"""How much one caller may ask for: generous where people trust each other, strict in production. 0: no limit."""

from __future__ import annotations

from dataclasses import dataclass

from classifier.environment import read_integer, read_seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may do: a login, a token, or a visitor."""

    calls_a_minute: int
    calls_a_day: int
    pictures_a_minute: int
    pictures_a_day: int


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """`callers_a_user`: a person with all tokens may do so many times what one of them may; visitors of one address
    likewise. Counting may take `timeout_seconds`; after a failure nothing is counted for `pause_seconds`.
    """

    people: Limits
    visitors: Limits
    callers_a_user: int
    visitors_an_address: int
    timeout_seconds: float
    pause_seconds: float


def read_limits(*, production: bool) -> LimitSettings:
    """A script with 10,000 pictures passes the generous ones in a minute. Raises ImproperlyConfigured."""
    return LimitSettings(
        people=Limits(
            read_integer("CALLS_A_MINUTE", 1_200 if production else 600_000),
            read_integer("CALLS_A_DAY", 200_000 if production else 50_000_000),
            read_integer("PICTURES_A_MINUTE", 600 if production else 600_000),
            read_integer("PICTURES_A_DAY", 50_000 if production else 50_000_000),
        ),
        visitors=Limits(
            read_integer("VISITOR_CALLS_A_MINUTE", 600 if production else 600_000),
            read_integer("VISITOR_CALLS_A_DAY", 20_000 if production else 50_000_000),
            read_integer("VISITOR_PICTURES_A_MINUTE", 120 if production else 600_000),
            read_integer("VISITOR_PICTURES_A_DAY", 1_000 if production else 50_000_000),
        ),
        callers_a_user=read_integer("CALLERS_A_USER", 5, low=1, high=1_000_000),
        visitors_an_address=read_integer("VISITORS_AN_ADDRESS", 20, low=1, high=1_000_000),
        timeout_seconds=read_seconds("LIMIT_TIMEOUT_SECONDS", 0.2, high=5.0),
        pause_seconds=read_seconds("LIMIT_PAUSE_SECONDS", 5.0, high=600.0),
    )
