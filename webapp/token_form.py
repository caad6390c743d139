"""The form of a new token: its name, what it may do, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from classifier.api_tokens import create_token
from classifier.models import ApiToken
from webapp.access import may_edit_classifier, may_promote, may_review, may_see_all_images, may_see_work, may_train

Scope = ApiToken.Scope

EXPLANATIONS: Final = {
    Scope.PREDICT: "Send pictures and read their answers, say what is wrong with these, and delete them. It sees what "
    "it sent itself, nothing else.",
    Scope.REVIEW: "See everybody's pictures and say what they are: such a word teaches the classifier.",
    Scope.TRAIN: "See classifiers, datasets, trainings and model versions; import pictures, start and cancel "
    "trainings, evaluate.",
    Scope.ADMIN: "Everything that you may do: all of the above, and change classifiers, make versions live, delete "
    "anybody's pictures, make and revoke your tokens, make and change webhooks.",
}
_LASTS: Final = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "until I revoke it")]


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """One scope as the page offers it; `caution` where this person's own rights leave it little to do."""

    value: str
    explanation: str
    is_chosen: bool
    caution: str


class TokenForm(forms.Form):
    """Says at each field what is wrong with it."""

    name = forms.CharField(
        max_length=120, label="What will use it", error_messages={"required": "Name the program, to find it again."}
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, error_messages={"required": "Choose at least one: a token without any could do nothing."}
    )
    lasts = forms.ChoiceField(choices=_LASTS, initial="90", required=False, label="It works for")

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, auto_id="token-%s", label_suffix="")
        self.user = user
        self.fields["name"].widget.attrs.update(
            {"class": "input", "autocomplete": "off", "aria-describedby": "about-name"}
        )
        self.fields["lasts"].widget.attrs.update({"class": "select"})

    @property
    def scope_choices(self) -> list[ScopeChoice]:
        """Every scope with what it allows."""
        chosen = self["scopes"].value() or ([] if self.is_bound else [Scope.PREDICT])
        cautions = _cautions(self.user)
        return [
            ScopeChoice(scope.value, EXPLANATIONS[scope], scope in chosen, cautions.get(scope, "")) for scope in Scope
        ]

    def store(self) -> tuple[ApiToken, str]:
        """Make it. Raises Refused."""
        values = self.cleaned_data
        return create_token(
            user=self.user, name=values["name"], scopes=values["scopes"], expires_at=_end(values["lasts"])
        )


def _end(lasts: str) -> datetime | None:
    return timezone.now() + timedelta(days=int(lasts)) if lasts else None


def _cautions(user: User) -> dict[str, str]:
    """What a token could not do because its user may not."""
    sentence = "You may not do this yourself, so a token of yours may not either, until somebody gives you the right."
    has_right = {
        Scope.REVIEW: may_see_all_images(user) or may_review(user),
        Scope.TRAIN: may_see_work(user) or may_train(user),
        Scope.ADMIN: True,
    }
    cautions: dict[str, str] = {scope: sentence for scope, has in has_right.items() if not has}
    if not (may_edit_classifier(user) or may_promote(user)):
        cautions[Scope.ADMIN] = "You run nothing here yourself, so it adds only the making of tokens."
    return cautions
