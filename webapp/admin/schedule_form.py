"""The admin's form of a classifier's schedule and gate; what may stand in it is the domain's word."""

from __future__ import annotations

from typing import Any

from django import forms

from classifier.errors import Refused
from classifier.models import Classifier
from classifier.training_schedule import check_gate, check_schedule

_FIELD_OF = {
    "every_hours": "train_every_hours",
    "after_examples": "train_after_examples",
    "policy": "gate_policy",
    "margin": "gate_margin",
}


class ScheduleAdminForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """Four fields of the row; the admin stores them through the domain verbs."""

    class Meta:
        model = Classifier
        fields = ("train_every_hours", "train_after_examples", "gate_policy", "gate_margin")
        labels = {
            "train_every_hours": "train every so many hours",
            "train_after_examples": "train after so many new pictures",
            "gate_policy": "a new version must show",
            "gate_margin": "margin",
        }
        help_texts = {
            "train_every_hours": "Empty: not by the clock. 24 is daily, 168 weekly.",
            "train_after_examples": "Empty: new pictures start nothing.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self._say(
                check_schedule,
                every_hours=cleaned["train_every_hours"],
                after_examples=cleaned["train_after_examples"],
            )
            self._say(check_gate, policy=cleaned["gate_policy"], margin=cleaned["gate_margin"])
        return cleaned

    def _say(self, check: Any, **values: Any) -> None:
        try:
            check(**values)
        except Refused as problem:
            self.add_error(_FIELD_OF[str(problem.details["field"])], problem.message)
