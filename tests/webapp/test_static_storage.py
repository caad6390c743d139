"""The pages' files as they are served: hashed names only, and light."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

PAGE_LIMIT_BYTES = 150_000
SOURCES = Path(__file__).resolve().parent.parent.parent / "webapp" / "static"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("static")
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": "webapp.static_storage.HashedStaticFilesStorage"}}
    with override_settings(STATIC_ROOT=str(root), STORAGES=storages):
        call_command("collectstatic", verbosity=0, interactive=False)
    return root


def own_files(root: Path, pattern: str) -> list[Path]:
    return [*(root / "whatsit").rglob(pattern), *(root / "vendor").rglob(pattern)]


def test_every_module_imports_files_that_are_kept(collected: Path) -> None:
    modules = own_files(collected, "*.js")
    imported = [
        (module.parent / address).resolve()
        for module in modules
        for address in re.findall(r'^import .*?"(\..*?)";$', module.read_text(), re.MULTILINE)
    ]
    assert len(imported) > len(modules)
    assert [path for path in imported if not path.exists()] == []


def test_every_file_is_named_by_its_content(collected: Path) -> None:
    names = [path.name for path in own_files(collected, "*.*") if path.suffix != ".gz"]
    assert names
    assert [name for name in names if not re.search(r"\.[0-9a-f]{12}(\.|$)", name)] == []


def test_the_upload_page_weighs_little(collected: Path) -> None:
    scripts_and_styles = [*own_files(collected, "*.js.gz"), *own_files(collected, "*.css.gz")]
    icons = own_files(collected, "*.svg")
    assert sum(path.stat().st_size for path in [*scripts_and_styles, *icons]) < PAGE_LIMIT_BYTES / 2


def test_every_vendored_file_is_listed_with_its_licence() -> None:
    listed = (SOURCES / "vendor" / "VENDORED.md").read_text()
    files = [path for path in (SOURCES / "vendor").glob("*/*") if path.is_file()]
    assert len(files) >= 6
    assert [str(path) for path in files if f"`{path.parent.name}/{path.name}`" not in listed] == []


def test_vendored_files_name_no_source_maps() -> None:
    named = [path for path in (SOURCES / "vendor").glob("*/*") if b"sourceMappingURL=" in path.read_bytes()]
    assert named == []
