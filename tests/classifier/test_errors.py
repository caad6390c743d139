"""The refusal catalogue: stable codes, fitting statuses, plain sentences."""

import pytest

from classifier.errors import REFUSALS, Conflict, NotAllowed, NotFound, Refused, StorageUnavailable, WhatsitError


def test_the_catalogue_holds_exactly_the_documented_codes_and_statuses() -> None:
    assert {code: status for code, (status, _) in REFUSALS.items()} == {
        "malformed_request": 400,
        "not_allowed": 403,
        "not_found": 404,
        "in_progress": 409,
        "file_too_large": 413,
        "type_not_allowed": 415,
        "empty_file": 422,
        "type_mismatch": 422,
        "truncated_or_damaged": 422,
        "too_many_pixels": 422,
        "too_complex": 422,
        "idempotency_mismatch": 422,
        "unusable_address": 422,
        "too_many_requests": 429,
        "try_later": 503,
    }


@pytest.mark.parametrize("code", REFUSALS)
def test_each_sentence_is_a_plain_sentence_of_its_own(code: str) -> None:
    sentence = REFUSALS[code][1]
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert 20 < len(sentence) <= 120
    assert [other for _, other in REFUSALS.values()].count(sentence) == 1


def test_a_refusal_carries_code_status_sentence_and_details() -> None:
    refusal = Refused("too_many_pixels", width=70_000)
    assert (refusal.code, refusal.status, refusal.details) == ("too_many_pixels", 422, {"width": 70_000})
    assert refusal.message == REFUSALS["too_many_pixels"][1]


def test_a_refusal_may_bring_a_more_exact_sentence() -> None:
    assert Refused("file_too_large", "At most 10 MB, please.").message == "At most 10 MB, please."


def test_a_code_outside_the_catalogue_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        Refused("made_up")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound(), "not_found", 404),
        (NotAllowed(), "not_allowed", 403),
        (NotAllowed(status=401), "not_allowed", 401),
        (Conflict(), "in_progress", 409),
        (StorageUnavailable(), "try_later", 503),
    ],
)
def test_named_errors_know_their_code_and_status(error: WhatsitError, code: str, status: int) -> None:
    assert (error.code, error.status) == (code, status)
