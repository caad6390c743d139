"""The form of a classifier's schedule and gate: reads what was typed, says at each field what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from classifier.errors import Refused
from classifier.exact_tests import pictures_to_rule_out_loss, pictures_to_show_gain
from classifier.models import Classifier, GatePolicy
from classifier.promotion_gate import INTERESTING_GAIN, LEAST_DISCORDANT
from classifier.run_sentences import percent
from classifier.training_schedule import check_gate, check_schedule, count_new_examples, set_gate, set_schedule
from classifier.write_transactions import write_transaction

HOURS, DAYS = 1, 24
_FIELD_OF = {"every_hours": "every", "after_examples": "examples", "policy": "policy", "margin": "margin_percent"}


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """One policy as the page offers it."""

    value: str
    words: str
    explanation: str
    is_chosen: bool


class ScheduleForm(forms.Form):
    """`may_edit` False: shown, not to be changed. Two numbers count only where their box is ticked."""

    by_clock = forms.BooleanField(required=False, label="Train by the clock")
    every = forms.IntegerField(required=False, label="Every", error_messages={"invalid": "Give a whole number."})
    unit = forms.ChoiceField(choices=[(HOURS, "hours"), (DAYS, "days")], required=False, label="Unit")
    by_examples = forms.BooleanField(required=False, label="Train when enough pictures are new")
    examples = forms.IntegerField(
        required=False, label="New pictures", error_messages={"invalid": "Give a whole number."}
    )
    policy = forms.ChoiceField(
        choices=GatePolicy.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of these.", "invalid_choice": "Choose one of these."},
    )
    margin_percent = forms.FloatField(
        label="Margin, in percent of the pictures",
        error_messages={"required": "Give the margin in percent, such as 1.", "invalid": "Give a number, such as 1."},
    )

    def __init__(self, classifier: Classifier, data: Any = None, *, may_edit: bool = True) -> None:
        super().__init__(data, initial=_initial(classifier), auto_id="schedule-%s", label_suffix="")
        self.classifier, self.may_edit = classifier, may_edit
        for name, (css_class, attributes) in _DRESS.items():
            self.fields[name].widget.attrs.update({"class": css_class, **attributes} if css_class else attributes)
        for field in self.fields.values():
            field.disabled = not may_edit

    def describe_new_examples(self) -> str:
        """How many pictures no training has learned from, as a sentence."""
        count = count_new_examples(self.classifier)
        return "1 picture is new now." if count == 1 else f"{count:,} pictures are new now."

    @property
    def policies(self) -> list[PolicyChoice]:
        """Each with what it asks for, and how many holdout pictures it needs to be able to see that."""
        chosen = self["policy"].value()
        explanations = explain_policies(self.classifier)
        return [PolicyChoice(value, words, explanations[value], value == chosen) for value, words in GatePolicy.choices]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for box, number, what in (
            ("by_clock", "every", "Say how many hours or days lie between two trainings."),
            ("by_examples", "examples", "Say how many new pictures a training waits for."),
        ):
            if not cleaned.get(box):
                self.errors.pop(number, None)
                cleaned[number] = None
            elif cleaned.get(number) is None and number not in self.errors:
                self.add_error(number, what)
        self._say(check_schedule, every_hours=_hours(cleaned), after_examples=cleaned.get("examples"))
        if "policy" in cleaned and "margin_percent" in cleaned:
            self._say(check_gate, policy=cleaned["policy"], margin=_share(cleaned["margin_percent"]))
        return cleaned

    def store(self) -> Classifier:
        """Both or neither. Raises Refused."""
        values = self.cleaned_data
        with write_transaction():
            set_gate(self.classifier, policy=values["policy"], margin=_share(values["margin_percent"]))
            return set_schedule(self.classifier, every_hours=_hours(values), after_examples=values["examples"])

    def _say(self, check: Any, **values: Any) -> None:
        """A refusal of the domain, at the field it is about."""
        try:
            check(**values)
        except Refused as problem:
            self.add_error(_FIELD_OF[str(problem.details["field"])], problem.message)


_DRESS: dict[str, tuple[str, dict[str, str]]] = {
    "by_clock": ("", {}),
    "every": ("input", {"min": "1", "max": "8760", "inputmode": "numeric"}),
    "unit": ("select", {"aria-label": "Hours or days"}),
    "by_examples": ("", {}),
    "examples": ("input", {"min": "1", "max": "10000000", "inputmode": "numeric"}),
    "margin_percent": ("input", {"min": "0.1", "max": "20", "step": "0.1", "inputmode": "decimal"}),
}


def explain_policies(classifier: Classifier) -> dict[str, str]:
    """Policy → one plain explanation, with the size of holdout that it takes for this classifier."""
    have = sum(
        sum(counts.get("holdout", {}).values()) for counts in classifier.datasets.values_list("counts", flat=True)
    )
    margin = classifier.gate_margin
    for_gain = pictures_to_show_gain(INTERESTING_GAIN, LEAST_DISCORDANT)
    for_margin = pictures_to_rule_out_loss(margin, LEAST_DISCORDANT)
    return {
        GatePolicy.NO_HARM: (
            "It goes live when it gets at least as many holdout pictures right as the live one, and no single label "
            "or its confidence got clearly worse. Right for most; works with few pictures."
        ),
        GatePolicy.BETTER: (
            "It goes live only when the gain cannot be luck (p < 0.05). To prove a gain of one point takes about "
            f"{for_gain:,} holdout pictures; this classifier has {have:,}."
        ),
        GatePolicy.NOT_WORSE: (
            "It goes live when it is surely not worse by more than the margin below. For a margin of "
            f"{percent(margin)} that takes about {for_margin:,} holdout pictures; this classifier has {have:,}."
        ),
    }


def _initial(classifier: Classifier) -> dict[str, Any]:
    hours = classifier.train_every_hours or DAYS
    unit = DAYS if hours % DAYS == 0 else HOURS
    return {
        "by_clock": classifier.train_every_hours is not None,
        "every": hours // unit,
        "unit": unit,
        "by_examples": classifier.train_after_examples is not None,
        "examples": classifier.train_after_examples or 500,
        "policy": classifier.gate_policy,
        "margin_percent": round(classifier.gate_margin * 100, 6),
    }


def _hours(cleaned: dict[str, Any]) -> int | None:
    every: int | None = cleaned.get("every")
    return None if every is None else every * int(cleaned.get("unit") or HOURS)


def _share(percent: float) -> float:
    return round(percent / 100, 8)
