"""Which process of a test run does what: files that share something that takes long to start go to the same one."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# One `manage.py up` with its workers serves the first; one without workers the second.
_TOGETHER = {
    "site with workers": (
        "accessibility",
        "classifier_page",
        "connection",
        "image_deletion_page",
        "own_words",
        "page_load",
        "shrinking",
        "upload_page",
    ),
    "site without workers": ("model_page", "review_grid", "review_page", "training_page"),
}
_GROUPS = {f"tests/browser/test_{name}.py": group for group, names in _TOGETHER.items() for name in names}

# What takes longest begins first, or one process would still be at it when the others have long ended.
_LONGEST = (
    *(path for path in _GROUPS if path.startswith("tests/browser/")),
    "tests/faults/test_worker_faults.py",
    "tests/flows/test_training_journey.py",
    "tests/flows/test_review_journey.py",
    "tests/browser/test_gallery_page.py",
    "tests/browser/test_every_page.py",
    "tests/webapp/test_up.py",
    "tests/faults/test_web_faults.py",
    "tests/browser/test_hostile_words.py",
    "tests/flows/test_broker_gateways.py",
    "tests/flows/test_training_worker.py",
    "tests/flows/test_deletion.py",
    "tests/flows/test_example_clients.py",
    "tests/webapp/test_authorisation_matrix.py",
    "tests/webapp/test_api_contract.py",
)
_RANKS = {path: rank for rank, path in enumerate(_LONGEST)}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """In place of xdist's own for `--dist loadfile`."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    scheduler = LoadFileScheduling(config, log)
    find_file = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: _GROUPS.get(find_file(nodeid), find_file(nodeid))
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; all others as they were found."""
    items.sort(key=lambda item: _RANKS.get(item.nodeid.partition("::")[0], len(_RANKS)))
