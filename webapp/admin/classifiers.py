"""Classifiers with their labels: when they train by themselves, going back to the version that was live before."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse

from classifier.models import Classifier
from classifier.training_schedule import describe_schedule, set_gate, set_schedule
from classifier.write_transactions import write_transaction
from webapp.admin import rendering
from webapp.admin.going_live import roll_back_classifier
from webapp.admin.read_only import ReadOnlyAdmin
from webapp.admin.schedule_form import ScheduleAdminForm

FACTS = (
    "name",
    "slug",
    "is_default",
    "live_version",
    "target_precision",
    "left_right_differ",
    "created_at",
    "lists",
    "label_list",
)
SCHEDULE = ("schedule", "train_every_hours", "train_after_examples", "next_run", "last_outcome")
GATE = ("gate_policy", "gate_margin")


@admin.register(Classifier)
class ClassifierAdmin(ReadOnlyAdmin):
    """By slug. Schedule and gate may be changed, through their domain verbs; all else is to look at."""

    form = ScheduleAdminForm

    list_display = ("name", "slug", "label_count", "live_version", "target_precision", "is_default", "created_at")
    actions = ("roll_back",)
    readonly_fields = (*FACTS, "schedule", "next_run", "last_outcome")
    fieldsets = (
        (None, {"fields": FACTS}),
        ("Training by itself", {"fields": SCHEDULE}),
        ("Before a new version goes live", {"fields": GATE}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.user_may(request, "change_classifier")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The admin opens its own transaction around a change; on SQLite the turn to write must be taken before it."""
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        with write_transaction():
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Classifier, form: Any, change: bool) -> None:
        values = form.cleaned_data
        set_gate(obj, policy=values["gate_policy"], margin=values["gate_margin"])
        set_schedule(obj, every_hours=values["train_every_hours"], after_examples=values["train_after_examples"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Classifier] = super().get_queryset(request).select_related("live_version")
        light = rows.defer("live_version__manifest", "live_version__metrics", "live_version__verdict")
        return light.annotate(label_count=Count("labels"))

    def has_roll_back_permission(self, request: HttpRequest) -> bool:
        """Whether "Roll back" is offered."""
        return self.user_may(request, "change_modelversion")

    @admin.action(description="Roll back to the version that was live before", permissions=["roll_back"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Classifier]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            roll_back_classifier(request, chosen[0])
        else:
            messages.error(request, "Choose one classifier to roll back. Nothing changed.")

    @admin.display(description="labels")
    def label_count(self, classifier: Classifier) -> int:
        count: int = classifier.label_count  # type: ignore[attr-defined] # annotated above
        return count

    @admin.display(description="now")
    def schedule(self, classifier: Classifier) -> str:
        return describe_schedule(Classifier.objects.get(pk=classifier.pk))

    @admin.display(description="next run (UTC)")
    def next_run(self, classifier: Classifier) -> str:
        return f"{classifier.next_training_at:%Y-%m-%d %H:%M}" if classifier.next_training_at else "none by the clock"

    @admin.display(description="what it did last (UTC)")
    def last_outcome(self, classifier: Classifier) -> str:
        if classifier.schedule_checked_at is None:
            return "nothing yet"
        return f"{classifier.schedule_checked_at:%Y-%m-%d %H:%M}: {classifier.schedule_outcome}"

    @admin.display(description="labels, in the order that never changes")
    def label_list(self, classifier: Classifier) -> str:
        names = classifier.labels.values_list("name", flat=True)
        return rendering.text_block("\n".join(f"{place}  {name}" for place, name in enumerate(names)))

    @admin.display(description="lists")
    def lists(self, classifier: Classifier) -> str:
        return rendering.list_link("image", f"classifier__id__exact={classifier.pk}", "Its images")
