"""What the classifier's page shows of the audit and of drift: sentences, rows, and the geometry of its small charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from classifier.drift import CHANGING, DIFFERENT, Drift
from classifier.live_accuracy import Estimate
from classifier.live_report import LiveReport, NamedEstimate, WeekReport, describe_drift, read_live_report
from classifier.models import Classifier
from classifier.run_sentences import percent
from webapp.access import may_review

CHART_WIDTH: Final = 320
CHART_HEIGHT: Final = 96
HIGHEST_SHOWN: Final = 0.5
_GAP: Final = 4


@dataclass(frozen=True, slots=True)
class ShownEstimate:
    """A row with its interval as a bar from `start`, `length` long, and the mark at `at`, all of 100."""

    name: str
    address: str
    estimate: Estimate
    start: float
    length: float
    at: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One week of a drift chart; `height` is 0 where there was too little to tell."""

    left: float
    top: float
    width: float
    height: float
    look: str


@dataclass(frozen=True, slots=True)
class DriftChart:
    """`sentence` says what the chart shows; `lines` are the heights of the customary bounds."""

    title: str
    word: str
    sentence: str
    bars: Sequence[Bar]
    lines: Sequence[float]
    moved: str


def describe_live_accuracy(request: HttpRequest, classifier: Classifier) -> dict[str, Any]:
    """For `classifier/live_accuracy.html`."""
    report = read_live_report(classifier)
    scale = _scale_of([*report.versions, *report.labels, *report.times])
    return {
        "report": report,
        "measured_versions": [_show(each, scale) for each in report.versions],
        "measured_times": [_show(each, scale) for each in report.times],
        "measured_labels": [_show(each, scale) for each in report.labels],
        "scale_from": scale,
        "drift_sentence": describe_drift(report),
        "drift_charts": _charts(report),
        "may_review": may_review(request.user),
        "review_address": f"{reverse('review')}?{urlencode({'classifier': classifier.slug})}",
    }


def _scale_of(shown: Sequence[NamedEstimate]) -> float:
    """The share at which the bars begin: intervals of 95 % to 98 % could not be told apart on a whole one."""
    lowest = min((each.estimate.low for each in shown if each.estimate.low is not None), default=0.0)
    return min(0.9, math.floor(lowest * 10) / 10)


def _show(each: NamedEstimate, scale: float) -> ShownEstimate:
    def place(share: float | None) -> float:
        return round(100 * max(0.0, ((share or 0.0) - scale) / (1 - scale)), 2)

    estimate = each.estimate
    address = reverse("model", args=[each.version_id]) if each.version_id else ""
    start = place(estimate.low)
    return ShownEstimate(each.name, address, estimate, start, place(estimate.high) - start, place(estimate.accuracy))


def _charts(report: LiveReport) -> list[DriftChart]:
    if not any(week.week.count for week in report.weeks):
        return []
    return [
        _chart("Mix of answers", report.weeks, [week.labels for week in report.weeks]),
        _chart("Confidence", report.weeks, [week.confidence for week in report.weeks]),
    ]


def _chart(title: str, weeks: Sequence[WeekReport], drifts: Sequence[Drift]) -> DriftChart:
    width = CHART_WIDTH / len(weeks)
    told = [
        f"week from {week.week.start:%d %b}: {drift.index:.2f}, {drift.word}"
        for week, drift in zip(weeks, drifts, strict=True)
        if drift.index is not None
    ]
    return DriftChart(
        title=title,
        word=drifts[-1].word,
        sentence=f"{title} by week, stability index. {'; '.join(told) or 'Too few pictures to tell'}.",
        bars=[_bar(drift, place * width, width) for place, drift in enumerate(drifts)],
        lines=[CHART_HEIGHT - _height(bound) for bound in (CHANGING, DIFFERENT)],
        moved=_moved(drifts[-1]),
    )


def _bar(drift: Drift, left: float, width: float) -> Bar:
    height = 0.0 if drift.index is None else max(2.0, _height(drift.index))
    look = {"steady": "steady", "changing": "changing"}.get(drift.word, "different")
    return Bar(
        round(left + _GAP / 2, 1), round(CHART_HEIGHT - height, 1), round(width - _GAP, 1), round(height, 1), look
    )


def _height(index: float) -> float:
    return CHART_HEIGHT * min(index, HIGHEST_SHOWN) / HIGHEST_SHOWN


def _moved(drift: Drift) -> str:
    """Which shares moved, where the word is more than “steady”."""
    if drift.index is None or drift.word == "steady":
        return ""
    shares = [
        f"{shift.name}: {percent(shift.before, digits=0)} → {percent(shift.now, digits=0)}" for shift in drift.shifts
    ]
    return f"Moved most: {', '.join(shares)}."
