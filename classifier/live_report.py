"""How right a classifier is, live: gathered from the audit for its page, with bounded queries, kept for a minute."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from classifier.drift import FEWEST as FEWEST_A_WEEK
from classifier.drift import Drift, compare_weeks
from classifier.identifiers import first_id_at
from classifier.live_accuracy import Drawn, Estimate, estimate_accuracy
from classifier.models import AuditDraw, Classifier, Label, ModelVersion
from classifier.weekly_answers import Week, read_weeks

KEPT_SECONDS: Final = 60
LIVE_ROWS: Final = 10_000
VERSIONS_SHOWN: Final = 8
EARLIER_ROWS: Final = 1_400
LABELS_SHOWN: Final = 40
TIMES: Final = 6
A_TIME: Final = timedelta(weeks=4)
MISTAKES_SHOWN: Final = 12
TABLE_LABELS: Final = 12
_FEWER_RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class NamedEstimate:
    """Of the answers with one label, of one version, or of some weeks."""

    name: str
    estimate: Estimate
    version_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """So often the live version answered `answer` where reviewers, without its guess, said `truth`."""

    truth: str
    answer: str
    count: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of blind answers; `table[truth][answer]` in the order of `names`, empty for very many labels."""

    count: int
    right: int
    names: Sequence[str]
    table: Sequence[Sequence[int]]
    mistakes: Sequence[Mistake]


@dataclass(frozen=True, slots=True)
class WeekReport:
    """One week: what was answered, and how it differs from the weeks before."""

    week: Week
    labels: Drift
    confidence: Drift


@dataclass(frozen=True, slots=True)
class LiveReport:
    """`live` is None where nothing is live; `labels` holds those with enough answers, `versions` and `times` the newest
    first: whatever version answered, `times` are empty before there are two of them to compare."""

    live: Estimate | None
    labels: Sequence[NamedEstimate]
    labels_waiting: int
    versions: Sequence[NamedEstimate]
    times: Sequence[NamedEstimate]
    confusion: Confusion | None
    weeks: Sequence[WeekReport]


@dataclass(frozen=True, slots=True)
class _Row:
    drawn: Drawn
    label_id: UUID
    answer_id: UUID | None


def read_live_report(classifier: Classifier) -> LiveReport:
    """As it was within the last minute."""
    key = f"live-report:{classifier.pk}:{classifier.live_version_id}"
    kept = cache.get(key)
    if isinstance(kept, LiveReport):
        return kept
    report = gather_live_report(classifier)
    cache.set(key, report, KEPT_SECONDS)
    return report


def gather_live_report(classifier: Classifier) -> LiveReport:
    """As it is. Reads the newest LIVE_ROWS draws of the live version, EARLIER_ROWS of each other one that is shown,
    and the weeks' sample."""
    names = dict(Label.objects.filter(classifier=classifier).order_by("position").values_list("id", "name"))
    version_id = classifier.live_version_id
    live = _read_rows(classifier, version_id, LIVE_ROWS) if version_id else []
    estimate = estimate_accuracy([row.drawn for row in live]) if version_id else None
    labels = _estimate_labels(live, names)
    return LiveReport(
        live=estimate,
        labels=[label for label in labels if label.estimate.accuracy is not None][:LABELS_SHOWN],
        labels_waiting=sum(label.estimate.accuracy is None for label in labels),
        versions=_estimate_versions(classifier, estimate),
        times=_estimate_times(classifier),
        confusion=count_confusion(((row.answer_id, row.label_id) for row in live), names),
        weeks=_compare(read_weeks(classifier)),
    )


def count_confusion(pairs: Iterable[tuple[UUID | None, UUID]], names: dict[UUID, str]) -> Confusion | None:
    """Of (what reviewers said, what was answered); None where nobody has said anything. Labels without a word are
    left out of the table."""
    counts = Counter((names[truth], names[answer]) for truth, answer in pairs if truth is not None)
    if not counts:
        return None
    seen = {name for pair in counts for name in pair}
    shown = [name for name in names.values() if name in seen]
    wrong = sorted((pair for pair in counts if pair[0] != pair[1]), key=lambda pair: (-counts[pair], pair))
    return Confusion(
        count=counts.total(),
        right=sum(count for (truth, answer), count in counts.items() if truth == answer),
        names=shown,
        table=[[counts[truth, answer] for answer in shown] for truth in shown] if len(shown) <= TABLE_LABELS else [],
        mistakes=[Mistake(truth, answer, counts[truth, answer]) for truth, answer in wrong[:MISTAKES_SHOWN]],
    )


def _read_rows(classifier: Classifier, version_id: UUID, limit: int) -> list[_Row]:
    """The newest draws of a version, by the index that begins with both."""
    fields = ("stratum", "probability", "label_id", "answer_id")
    rows = AuditDraw.objects.filter(classifier=classifier, model_version_id=version_id).order_by("-id")
    return [
        _Row(Drawn(stratum, share, None if answer is None else answer == label), label, answer)
        for stratum, share, label, answer in rows.values_list(*fields)[:limit]
    ]


def _estimate_labels(rows: Sequence[_Row], names: dict[UUID, str]) -> list[NamedEstimate]:
    """The least right first."""
    groups: dict[UUID, list[Drawn]] = defaultdict(list)
    for row in rows:
        groups[row.label_id].append(row.drawn)
    found = [
        NamedEstimate(names[label_id], estimate_accuracy(drawn, resamples=_FEWER_RESAMPLES))
        for label_id, drawn in groups.items()
    ]
    return sorted(found, key=lambda label: (label.estimate.accuracy or 0.0, label.name))


def _estimate_versions(classifier: Classifier, live: Estimate | None) -> list[NamedEstimate]:
    """Those of the newest versions of which anything was drawn."""
    versions = ModelVersion.objects.filter(classifier=classifier).only("id", "number").order_by("-number")
    found = []
    for version in versions[:VERSIONS_SHOWN]:
        estimate = live if version.id == classifier.live_version_id else None
        if estimate is None:
            rows = _read_rows(classifier, version.id, EARLIER_ROWS)
            estimate = estimate_accuracy([row.drawn for row in rows], resamples=_FEWER_RESAMPLES)
        if estimate.drawn:
            found.append(NamedEstimate(f"v{version.number}", estimate, version.id))
    return found


def _estimate_times(classifier: Classifier) -> list[NamedEstimate]:
    """By the days on which the answers were drawn, in TIMES stretches of four weeks that end now."""
    now = timezone.now()
    rows = AuditDraw.objects.filter(classifier=classifier, id__gte=first_id_at(now - TIMES * A_TIME)).order_by("-id")
    groups: dict[int, list[Drawn]] = defaultdict(list)
    fields = ("drawn_at", "stratum", "probability", "label_id", "answer_id")
    for drawn_at, stratum, share, label, answer in rows.values_list(*fields)[:LIVE_ROWS]:
        is_right = None if answer is None else answer == label
        groups[(now - drawn_at) // A_TIME].append(Drawn(stratum, share, is_right))
    found = []
    for ago, drawn in sorted(groups.items()):
        first, last = now - (ago + 1) * A_TIME + timedelta(days=1), now - ago * A_TIME
        estimate = estimate_accuracy(drawn, resamples=_FEWER_RESAMPLES)
        found.append(NamedEstimate(f"{describe_day(first)} to {describe_day(last)}", estimate))
    return found if len(found) > 1 else []


def describe_day(moment: datetime) -> str:
    """As in “1 Nov”."""
    return f"{moment:%d %b}".removeprefix("0")


def _compare(weeks: Sequence[Week]) -> list[WeekReport]:
    labels = compare_weeks([week.labels for week in weeks])
    confidences = compare_weeks([week.confidences for week in weeks])
    return [WeekReport(*each) for each in zip(weeks, labels, confidences, strict=True)]


def describe_drift(report: LiveReport) -> str:
    """The newest week in a sentence."""
    newest = report.weeks[-1] if report.weeks else None
    if newest is None or (newest.labels.index is None and newest.confidence.index is None):
        return f"Too few pictures to tell: this week and the weeks before it need {FEWEST_A_WEEK} each."
    return f"The mix of answers is {newest.labels.word}; how sure they are is {newest.confidence.word}."
