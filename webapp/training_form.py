"""The form that starts a training: read into options, with what is wrong said at its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms

from classifier.errors import Refused
from classifier.models import Classifier, Dataset, GatePolicy, TrainingRun
from tasks.training_options import RunOptions, backbone_titles, read_options, setting_range

NUMBERS: Final = {"epochs": "Epochs", "batch_size": "Batch size", "image_size": "Image size", "seed": "Seed"}
MORE_SETTINGS: Final = ("epochs", "batch_size", "image_size", "head", "seed", "promote", "policy")
RECIPES: Final = (
    ("auto", "Choose for me"),
    ("small", "Small"),
    ("transfer", "Transfer"),
)
PROMOTIONS: Final = (
    ("auto", "Live if the gate allows it"),
    ("never", "Keep as a candidate"),
)


class TrainingForm(forms.Form):
    """`options` after is_valid(); the classifier and its datasets are checked against what is there."""

    classifier = forms.ChoiceField(
        label="Classifier", error_messages={"invalid_choice": "This classifier is not there any more. Choose another."}
    )
    datasets = forms.MultipleChoiceField(
        label="Pictures", required=False, error_messages={"invalid_choice": "A chosen dataset is not there any more."}
    )
    name = forms.CharField(label="Name of this run", required=False, max_length=120)
    recipe = forms.ChoiceField(label="Recipe", choices=RECIPES, initial="auto")
    backbone = forms.ChoiceField(label="Backbone", required=False)
    head = forms.CharField(label="Head", required=False, max_length=60)
    promote = forms.ChoiceField(label="When it is done", choices=PROMOTIONS, initial="auto")
    policy = forms.ChoiceField(label="What the gate asks for", required=False)

    def __init__(self, classifiers: Sequence[Classifier], datasets: Sequence[Dataset], *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._datasets = datasets
        self._slugs = {classifier.pk: classifier.slug for classifier in classifiers}
        self.options = RunOptions()
        fields: Any = self.fields
        fields["classifier"].choices = [(each.slug, each.name) for each in classifiers]
        fields["datasets"].choices = [(str(dataset.pk), dataset.name) for dataset in datasets]
        fields["backbone"].choices = [("", "The recipe's usual one"), *backbone_titles().items()]
        fields["policy"].choices = [("", "As the classifier says"), *GatePolicy.choices]
        for name, label in NUMBERS.items():
            fields[name] = _number_field(name, label)
        for name, each in fields.items():
            # Those that stand beside others in the form are dressed alike.
            is_choice = isinstance(each, forms.ChoiceField)
            each.widget.attrs |= {"class": "select" if is_choice else "input", "aria-describedby": f"about-{name}"}

    def clean_head(self) -> list[int]:
        """“256, 128” → [256, 128]."""
        text: str = self.cleaned_data["head"]
        parts = text.replace(",", " ").split()
        if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
            raise forms.ValidationError("Give the widths of the layers as numbers, such as 256, 128.")
        return [int(part) for part in parts]

    def clean(self) -> dict[str, Any]:
        """Checks the options as every door to training does, and puts each refusal at its field."""
        values: dict[str, Any] = self.cleaned_data
        if self.errors:
            return values
        own = [each for each in self._datasets if self._slugs[each.classifier_id] == values["classifier"]]
        chosen = [each.name for each in own if str(each.pk) in values["datasets"]]
        if own and not chosen:
            self.add_error("datasets", "Choose at least one dataset to learn from.")
            return values
        try:
            self.options = read_options(_options_of(values, [] if len(chosen) == len(own) else chosen))
        except Refused as problem:
            setting = str(problem.details.get("setting", ""))
            self.add_error(setting if setting in self.fields else None, problem.message)
        return values


def _number_field(name: str, label: str) -> forms.IntegerField:
    low, high = setting_range(name)
    field = forms.IntegerField(
        label=label, required=False, error_messages={"invalid": f"{label} is a whole number, or nothing at all."}
    )
    # The browser's help only: what counts is read_options, which says its refusals for every door alike.
    field.widget.attrs |= {"min": int(low), "max": int(high), "inputmode": "numeric"}
    return field


def _options_of(values: Mapping[str, Any], datasets: list[str]) -> dict[str, Any]:
    said = {name: values[name] for name in NUMBERS if values.get(name) is not None}
    said |= {"recipe": values["recipe"], "promote": values["promote"], "datasets": datasets}
    if values["recipe"] == "transfer" and values["backbone"]:
        said["backbone"] = values["backbone"]
    if values["recipe"] != "small" and values["head"]:
        said["head"] = values["head"]
    if values["policy"]:
        said["policy"] = values["policy"]
    return said


def values_of_run(run: TrainingRun) -> dict[str, Any]:
    """What the form showed when this run was asked for, to ask for the like again."""
    settings = {**run.settings, **run.settings.get("hyper_parameters", {})}
    known = (*NUMBERS, "recipe", "backbone", "promote")
    return {
        **{name: settings[name] for name in known if settings.get(name) not in (None, "force")},
        "head": ", ".join(map(str, settings.get("head", []))),
        "name": run.name,
        "datasets": [entry["id"] for entry in run.snapshot.get("datasets", [])],
    }
