"""The form of a webhook: where messages go, of what, of which classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User

from classifier.classifiers import find_classifier
from classifier.errors import WhatsitError
from classifier.models import Classifier, Webhook
from classifier.webhook_addresses import MOST_CHARACTERS
from classifier.webhooks import EVENTS, change_webhook, create_webhook


@dataclass(frozen=True, slots=True)
class EventChoice:
    """One event as the page offers it."""

    value: str
    meaning: str
    is_chosen: bool


class WebhookForm(forms.Form):
    """Makes a webhook, or changes the given one. Says at each field what is wrong with it."""

    url = forms.CharField(
        max_length=MOST_CHARACTERS,
        label="Address",
        error_messages={"required": "Enter the address that takes the messages."},
    )
    classifier = forms.ChoiceField(required=False, label="Events of")
    events = forms.MultipleChoiceField(
        choices=[(str(event), meaning) for event, meaning in EVENTS.items()],
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, data: Any = None, *, webhook: Webhook | None = None) -> None:
        stored = webhook.classifier.slug if webhook and webhook.classifier else ""
        initial = {"url": webhook.url, "events": webhook.events, "classifier": stored} if webhook else {}
        super().__init__(data, initial=initial, auto_id="webhook-%s", label_suffix="")
        self.webhook = webhook
        known = Classifier.objects.order_by("name").values_list("slug", "name")
        self.fields["classifier"].choices = [("", "every classifier"), *known]  # type: ignore[attr-defined] # a choice field
        self.fields["url"].widget.attrs.update(
            {
                "class": "input",
                "inputmode": "url",
                "autocomplete": "off",
                "spellcheck": "false",
                "aria-describedby": "about-url",
                "placeholder": "https://",
            }
        )
        self.fields["classifier"].widget.attrs.update({"class": "select"})

    @property
    def event_choices(self) -> list[EventChoice]:
        """Every event with what it means."""
        chosen = self["events"].value() or []
        return [EventChoice(str(event), meaning, event in chosen) for event, meaning in EVENTS.items()]

    def store(self, user: User) -> Webhook | None:
        """The webhook made or changed; None where its address or the moment forbids it, which the form then says."""
        values = self.cleaned_data
        try:
            wished = find_classifier(values["classifier"]) if values["classifier"] else None
            facts = {"url": values["url"], "events": values["events"], "classifier": wished}
            if self.webhook is None:
                return create_webhook(user=user, **facts)
            return change_webhook(webhook=self.webhook, user=user, changes=facts)
        except WhatsitError as problem:
            self.add_error("url", problem.message)
            return None
