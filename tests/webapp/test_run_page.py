"""The page of a run in words: its data, its settings and its report."""

from __future__ import annotations

from typing import Any

from classifier.models import ModelVersion, TrainingRun
from webapp.run_page import MOST_LABELS, describe_data, describe_report, describe_settings


def run(**snapshot: Any) -> TrainingRun:
    return TrainingRun(snapshot=snapshot)


def test_counts_stand_by_label_and_split() -> None:
    data = describe_data(run(counts={"train": {"cat": 3, "dog": 2}, "holdout": {"dog": 1}}))
    assert data.splits == [("train", 5), ("holdout", 1)]
    assert [(row.label, row.counts) for row in data.rows] == [("cat", [3, 0]), ("dog", [2, 1])]


def test_imbalance_is_said_in_numbers() -> None:
    even = describe_data(run(counts={"train": {"cat": 10, "dog": 9}})).imbalance
    skewed = describe_data(run(counts={"train": {"cat": 1000, "dog": 50}})).imbalance
    assert even == "The labels are about equally frequent."
    assert skewed == "“cat” has 20.0 times as many training pictures as “dog” (1,000 and 50)."


def test_what_was_left_out_says_why() -> None:
    data = describe_data(run(counts={"train": {}}, left_out={"near_holdout": 1200, "equal_to_validation": 0}))
    assert data.left_out == ["1,200 nearly equal to a holdout picture"]


def test_of_very_many_labels_the_first_are_shown() -> None:
    data = describe_data(run(counts={"train": {f"label {number}": 1 for number in range(MOST_LABELS + 7)}}))
    assert (len(data.rows), data.hidden_rows) == (MOST_LABELS, 7)


def test_a_run_that_has_not_begun_has_no_counts() -> None:
    data = describe_data(run(labels=["cat", "dog"]))
    assert (data.splits, data.rows, data.imbalance) == ([], [], "")


def test_settings_are_what_was_asked_until_the_recipe_has_chosen() -> None:
    asked = TrainingRun(settings={"recipe": "auto", "promote": "never", "hyper_parameters": {"epochs": 5}})
    before = dict(describe_settings(asked, None))
    recipe = {"recipe": "transfer", "backbone": "vgg16", "head": [256, 128], "epochs": 5, "mirror": True}
    version = ModelVersion(manifest={"recipe": recipe, "preprocessing": {"width": 96, "height": 64}})
    after = dict(describe_settings(asked, version))
    assert before == {"Recipe": "auto", "Epochs": "5", "Afterwards": "stays a candidate"}
    assert (after["Backbone"], after["Head"], after["Mirrored pictures"]) == ("vgg16", "256, 128", "yes")
    assert after["Image size"] == "96 by 64 pixels"


def test_the_small_recipe_shows_nothing_of_backbones() -> None:
    version = ModelVersion(manifest={"recipe": {"recipe": "small", "backbone": "mobilenet", "head": [5], "epochs": 1}})
    names = dict(describe_settings(TrainingRun(settings={"policy": "better"}), version))
    assert not {"Backbone", "Head"} & set(names)
    assert names["Gate"] == "Proven better"


def test_the_report_has_verdict_and_interval() -> None:
    holdout = {"count": 200, "accuracy": 0.935, "accuracy_low": 0.892, "accuracy_high": 0.962}
    verdict = {"passed": False, "sentences": ["“dog” is found less often."]}
    report = describe_report(ModelVersion(number=3, metrics={"holdout": holdout}, verdict=verdict))
    assert report
    assert (report.passed, report.sentences) == (False, ["“dog” is found less often."])
    assert report.interval.replace("\u00a0", " ") == "89.2 % to 96.2 %"


def test_without_a_holdout_there_is_no_figure() -> None:
    report = describe_report(ModelVersion(metrics={"holdout": {"count": 0}}))
    assert report
    assert (report.accuracy, report.interval, report.pictures) == ("", "", 0)


def test_without_a_version_there_is_no_report() -> None:
    assert describe_report(None) is None
