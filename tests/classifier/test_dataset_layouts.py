"""Which label a file has follows from its folders."""

from __future__ import annotations

from classifier.dataset_layouts import arrange_by_folders, clean_label


def labelled(names: list[str]) -> dict[str, str]:
    layout = arrange_by_folders(names)
    return {entry.name: layout.labels[entry.label_index] for entry in layout.pictures}


def test_a_folder_is_a_label() -> None:
    assert labelled(["dogs/2.jpg", "cats/1.jpg"]) == {"cats/1.jpg": "cats", "dogs/2.jpg": "dogs"}


def test_folders_inside_a_label_belong_to_it() -> None:
    assert labelled(["cats/a/1.jpg", "dogs/2.jpg"])["cats/a/1.jpg"] == "cats"


def test_one_folder_around_everything_is_looked_through() -> None:
    assert labelled(["set/v1/cats/1.jpg", "set/v1/dogs/2.jpg"])["set/v1/cats/1.jpg"] == "cats"


def test_a_single_label_is_not_taken_for_a_wrapper() -> None:
    assert labelled(["cats/1.jpg", "cats/2.jpg"]) == {"cats/1.jpg": "cats", "cats/2.jpg": "cats"}


def test_train_and_test_are_an_official_split() -> None:
    layout = arrange_by_folders(["Train/cats/1.jpg", "test/cats/2.jpg", "train/dogs/3.jpg"])
    assert layout.has_official_test
    assert layout.labels == ["cats", "dogs"]
    assert {entry.name: entry.is_official_test for entry in layout.pictures} == {
        "Train/cats/1.jpg": False,
        "test/cats/2.jpg": True,
        "train/dogs/3.jpg": False,
    }


def test_a_validation_folder_beside_them_counts_as_train() -> None:
    layout = arrange_by_folders(["train/cats/1.jpg", "val/cats/2.jpg", "test/dogs/3.jpg"])
    assert [entry.is_official_test for entry in layout.pictures] == [False, False, True]


def test_labels_named_train_and_other_are_labels() -> None:
    assert set(labelled(["train/1.jpg", "plane/2.jpg"]).values()) == {"train", "plane"}


def test_a_file_outside_every_label_is_passed_over_with_its_reason() -> None:
    layout = arrange_by_folders(["readme.txt", "cats/1.jpg", "dogs/1.jpg"])
    assert [(entry.name, entry.reason) for entry in layout.passed_over] == [
        ("readme.txt", "It lies in no label's folder.")
    ]


def test_a_third_folder_beside_train_and_test_is_passed_over() -> None:
    layout = arrange_by_folders(["train/a/1.jpg", "test/a/2.jpg", "extra/a/3.jpg"])
    assert [entry.name for entry in layout.passed_over] == ["extra/a/3.jpg"]


def test_what_systems_leave_behind_is_ignored_in_silence() -> None:
    layout = arrange_by_folders(["a/.DS_Store", "__MACOSX/a/1.jpg", "a/Thumbs.db", ".git/x/y", "a/1.jpg", "b/1.jpg"])
    assert [entry.name for entry in layout.pictures] == ["a/1.jpg", "b/1.jpg"]
    assert layout.passed_over == []


def test_labels_and_files_stand_in_natural_order() -> None:
    layout = arrange_by_folders(["10/1.jpg", "2/10.jpg", "2/9.jpg", "1/1.jpg"])
    assert layout.labels == ["1", "2", "10"]
    assert [entry.name for entry in layout.pictures] == ["1/1.jpg", "2/9.jpg", "2/10.jpg", "10/1.jpg"]


def test_folders_whose_names_look_alike_are_one_label() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert arrange_by_folders([f"{composed}/1.jpg", f"{decomposed}/2.jpg", "tea/3.jpg"]).labels == [composed, "tea"]


def test_emoji_stay_in_a_label() -> None:
    assert set(arrange_by_folders(["🐱/1.jpg", "🐶/2.jpg"]).labels) == {"🐱", "🐶"}


def test_control_characters_leave_a_label() -> None:
    assert clean_label("a\x00b\n  c\u202e") == "a b c"


def test_no_names_give_no_pictures() -> None:
    assert arrange_by_folders([]).pictures == []
