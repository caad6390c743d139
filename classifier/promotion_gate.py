"""The gate: may a new version take the live one's place? Pure functions on paired answers; every verdict in sentences.

Method: the same holdout for both, discordant pairs, blocks for single labels and for calibration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from classifier.exact_tests import (
    binomial_upper_tail,
    holm,
    mcnemar_harm,
    mcnemar_two_sided,
    paired_difference_lower_bound,
    pictures_to_show_gain,
)
from classifier.models import GatePolicy
from classifier.run_sentences import percent

SIGNIFICANCE: Final = 0.05
FEWEST_PER_LABEL: Final = 30
MOST_RECALL_DROP: Final = 0.05
MOST_CALIBRATION_RISE: Final = 0.02
INTERESTING_GAIN: Final = 0.01
LEAST_DISCORDANT: Final = 0.05


Policy = GatePolicy
"""What counts as good enough: nothing speaks against it, a proven gain, or at most a margin worse."""


@dataclass(frozen=True, slots=True)
class HoldoutAnswers:
    """One version's answers on the holdout, in the holdout's order; a label is a name, so versions may differ."""

    name: str
    answers: Sequence[str]
    calibration_error: float
    seconds_per_picture: float | None = None


@dataclass(frozen=True, slots=True)
class LabelChange:
    """How one label fares; `harm` is the p-value for "worse", after Holm."""

    label: str
    pictures: int
    recall_before: float
    recall_after: float
    harm: float


@dataclass(slots=True)
class Verdict:
    """The gate's word. `reasons` decide, `blocks` forbid, `warnings` only tell; `numbers` is what they rest on."""

    passed: bool
    policy: Policy
    reasons: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """All of it in the order in which a person wants to read it."""
        return [*self.blocks, *self.reasons, *self.warnings]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "policy": str(self.policy), "sentences": self.sentences}


def judge_first(truth: Sequence[str], challenger: HoldoutAnswers) -> Verdict:
    """The first version of a classifier must beat the answer "always the most frequent label" clearly."""
    count = len(truth)
    verdict = Verdict(False, Policy.NO_HARM, numbers={"pictures": count})
    if not count:
        verdict.reasons.append("There is no holdout picture, so nothing can be said about this version.")
        return verdict
    majority, frequency = Counter(truth).most_common(1)[0]
    right = _count_right(truth, challenger.answers)
    p_value = binomial_upper_tail(right, count, frequency / count)
    verdict.passed = p_value < SIGNIFICANCE
    verdict.numbers |= {
        "right": right,
        "accuracy": right / count,
        "majority_label": majority,
        "majority_share": frequency / count,
        "p_value": p_value,
    }
    facts = (
        f"{challenger.name} answers {right:,} of {count:,} holdout pictures rightly ({percent(right / count)}); always "
        f"saying “{majority}” would get {frequency:,} right ({percent(frequency / count)})."
    )
    verdict.reasons.append(facts)
    if verdict.passed:
        verdict.reasons.append("It is clearly better than that, and the first version of this classifier.")
    elif binomial_upper_tail(count, count, frequency / count) >= SIGNIFICANCE:
        verdict.reasons.append(
            "The holdout is too small to tell: even without a mistake it could be luck. Add pictures."
        )
    else:
        verdict.reasons.append("That is not clearly better.")
    return verdict


def judge(
    truth: Sequence[str],
    challenger: HoldoutAnswers,
    champion: HoldoutAnswers,
    *,
    policy: Policy = Policy.NO_HARM,
    margin: float = 0.01,
) -> Verdict:
    """Both versions on the same pictures. `margin` is the loss that policy `not_worse` allows, as a share."""
    count = len(truth)
    if len(challenger.answers) != count or len(champion.answers) != count:
        raise ValueError(f"{count} pictures need {count} answers of each version.")
    verdict = Verdict(False, policy, numbers={"pictures": count})
    if not count:
        verdict.reasons.append("There is no holdout picture, so the two versions cannot be compared.")
        return verdict
    newly_right, newly_wrong = _count_changes(truth, challenger.answers, champion.answers)
    before, after = _count_right(truth, champion.answers), _count_right(truth, challenger.answers)
    changes = compare_labels(truth, challenger.answers, champion.answers)
    verdict.numbers |= {
        "newly_right": newly_right,
        "newly_wrong": newly_wrong,
        "accuracy_before": before / count,
        "accuracy_after": after / count,
        "mcnemar": mcnemar_two_sided(newly_right, newly_wrong),
        "margin": margin,
        "gain_lower_bound": paired_difference_lower_bound(newly_right, newly_wrong, count),
        "calibration_error_before": champion.calibration_error,
        "calibration_error_after": challenger.calibration_error,
        "labels": [asdict(change) for change in changes],
    }
    verdict.reasons.append(
        f"On {count:,} holdout pictures {challenger.name} gets {newly_right:,} right that {champion.name} gets wrong, "
        f"and {newly_wrong:,} the other way round ({percent(before / count, digits=2)} before, "
        f"{percent(after / count, digits=2)} now)."
    )
    is_satisfied, reason = _apply_policy(verdict.numbers, policy, margin)
    verdict.reasons.append(reason)
    verdict.blocks += describe_harm(changes) + _describe_calibration(challenger, champion)
    verdict.warnings += _warn_slower(challenger, champion) + _warn_small(count, newly_right + newly_wrong)
    verdict.passed = is_satisfied and not verdict.blocks
    return verdict


def compare_labels(truth: Sequence[str], challenger: Sequence[str], champion: Sequence[str]) -> list[LabelChange]:
    """The labels with enough holdout pictures, in the order of their names; harm adjusted over all of them."""
    places: dict[str, list[int]] = {}
    for place, label in enumerate(truth):
        places.setdefault(label, []).append(place)
    tested = sorted(label for label, found in places.items() if len(found) >= FEWEST_PER_LABEL)
    counted = [_count_label(label, places[label], challenger, champion) for label in tested]
    harms = holm([mcnemar_harm(newly_right, newly_wrong) for *_, newly_right, newly_wrong in counted])
    return [
        LabelChange(label, len(places[label]), before / len(places[label]), after / len(places[label]), harm)
        for (label, before, after, _, _), harm in zip(counted, harms, strict=True)
    ]


def describe_harm(changes: Sequence[LabelChange]) -> list[str]:
    """A sentence for each label whose recall fell too far to be chance."""
    return [
        f"“{change.label}” is recognised in {percent(change.recall_after)} of its {change.pictures} pictures, before "
        f"in {percent(change.recall_before)} (p = {change.harm:.3f}): too much worse for a single label."
        for change in changes
        if round(change.recall_before - change.recall_after, 9) > MOST_RECALL_DROP and change.harm < SIGNIFICANCE
    ]


def _apply_policy(numbers: dict[str, Any], policy: Policy, margin: float) -> tuple[bool, str]:
    newly_right, newly_wrong, p_value = numbers["newly_right"], numbers["newly_wrong"], numbers["mcnemar"]
    if policy is Policy.BETTER:
        if newly_right > newly_wrong and p_value < SIGNIFICANCE:
            return True, f"The gain is proven (McNemar p = {p_value:.3f})."
        needed = pictures_to_show_gain(INTERESTING_GAIN, _discordant_share(numbers))
        return False, (
            f"A gain is not proven (McNemar p = {p_value:.3f}), as the policy “better” asks; to prove a gain of one "
            f"point takes about {needed:,} holdout pictures."
        )
    if policy is Policy.NOT_WORSE:
        bound = numbers["gain_lower_bound"]
        lowest = f"lower bound {'+' if bound > 0 else ''}{percent(bound, digits=2)}"
        if bound > -margin:
            return True, f"It is at most {percent(margin)} worse ({lowest})."
        return False, f"It may be more than {percent(margin)} worse ({lowest})."
    if newly_right >= newly_wrong:
        return True, "Nothing shows that it is worse."
    return False, "More became wrong than right."


def _describe_calibration(challenger: HoldoutAnswers, champion: HoldoutAnswers) -> list[str]:
    before, after = champion.calibration_error, challenger.calibration_error
    if round(after - before, 9) > MOST_CALIBRATION_RISE and after > 2 * before:
        return [f"Its confidence is further from the truth: calibration error {after:.3f}, before {before:.3f}."]
    return []


def _warn_slower(challenger: HoldoutAnswers, champion: HoldoutAnswers) -> list[str]:
    before, after = champion.seconds_per_picture, challenger.seconds_per_picture
    if before and after and after > 2 * before:
        return [f"It takes {after / before:.1f} times as long for a picture."]
    return []


def _warn_small(count: int, discordant: int) -> list[str]:
    needed = pictures_to_show_gain(INTERESTING_GAIN, max(discordant / count, LEAST_DISCORDANT))
    if count >= needed:
        return []
    return [
        f"The holdout of {count:,} pictures is too small to tell a difference of one point; about {needed:,} would do."
    ]


def _discordant_share(numbers: dict[str, Any]) -> float:
    discordant, pictures = int(numbers["newly_right"] + numbers["newly_wrong"]), int(numbers["pictures"])
    return max(discordant / pictures, LEAST_DISCORDANT)


def _count_label(
    label: str, places: Sequence[int], challenger: Sequence[str], champion: Sequence[str]
) -> tuple[str, int, int, int, int]:
    """`(label, right before, right now, newly right, newly wrong)`."""
    mine = [label] * len(places)
    now, before = [challenger[place] for place in places], [champion[place] for place in places]
    return label, _count_right(mine, before), _count_right(mine, now), *_count_changes(mine, now, before)


def _count_right(truth: Sequence[str], answers: Sequence[str]) -> int:
    return sum(answer == label for answer, label in zip(answers, truth, strict=True))


def _count_changes(truth: Sequence[str], challenger: Sequence[str], champion: Sequence[str]) -> tuple[int, int]:
    """`(newly right, newly wrong)`."""
    pairs = [(new == label, old == label) for new, old, label in zip(challenger, champion, truth, strict=True)]
    return sum(new and not old for new, old in pairs), sum(old and not new for new, old in pairs)
