"""A database of an older version is migrated with all its rows, and they mean today what they meant then."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from classifier.models import Classifier, Image, ModelVersion, Prediction, Review

OLDER = Path(__file__).resolve().parents[1] / "older_versions"
ALIAS = "older"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[str]:
    """The name of a connection to the older version's database, after today's migrations."""
    path = tmp_path_factory.mktemp("older") / "older.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.executescript((OLDER / "database.sql").read_text(encoding="utf-8"))
    engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": {}}
    connections.settings[ALIAS] = {**connections.settings["default"], **engine}
    with django_db_blocker.unblock():
        assert migrate(ALIAS)[0].startswith("0014_")
        yield ALIAS
        connections[ALIAS].close()
    del connections[ALIAS]
    del connections.settings[ALIAS]


def migrate(alias: str) -> list[str]:
    """Today's migrations, as `manage.py migrate` applies them; returns the names of ours."""
    executor = MigrationExecutor(connections[alias])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    executor.migrate(executor.loader.graph.leaf_nodes())
    return [migration.name for migration, _ in plan if migration.app_label == "classifier"]


def test_every_row_of_an_older_version_is_there_after_the_migrations(older: str) -> None:
    assert migrate(older) == []
    classifier = Classifier.objects.using(older).get(slug="halves")
    assert classifier.live_version_id == ModelVersion.objects.using(older).get().id
    images = Image.objects.using(older).order_by("id")
    assert [image.name for image in images] == ["0.png", "1.png", "2.png", "waiting.png"]
    assert {image.owner for image in images} == {"visitor:visitor-of-an-older-version"}
    states = Prediction.objects.using(older).order_by("id").values_list("state", "label__name", "request_id")
    assert list(states) == [("done", "upper", None)] * 3 + [("queued", None, None)]
    reviews = Review.objects.using(older).values_list("label__name", "user__username")
    assert list(reviews) == [("lower", "ann")]


def test_every_column_of_today_can_be_read_and_written_afterwards(older: str) -> None:
    for model in apps.get_app_config("classifier").get_models():
        for row in model._default_manager.using(older).all():
            row.save(using=older)
    connections[older].check_constraints()
