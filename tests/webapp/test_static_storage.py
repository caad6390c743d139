"""The pages' files as they are served: hashed names only, and light."""

from __future__ import annotations

import json
import os
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


@pytest.mark.parametrize(
    "template",
    [
        "upload.html",
        "review/one.html",
        "review/grid.html",
        "gallery/gallery.html",
        "training/run.html",
        "classifier.html",
    ],
)
def test_a_page_weighs_little(collected: Path, template: str) -> None:
    served = json.loads((collected / "staticfiles.json").read_text())["paths"]
    files = [SOURCES / address for address in files_of_page(template)]
    assert len(files) >= 6
    packed = [collected / served[str(path.relative_to(SOURCES))] for path in files]
    weights = [min(each.stat().st_size for each in (path, Path(f"{path}.gz")) if each.exists()) for path in packed]
    assert sum(weights) < PAGE_LIMIT_BYTES / 2


def files_of_page(template: str) -> set[str]:
    """What the template and its frame name, and every module that those import."""
    templates = SOURCES.parent / "templates"
    frame = (templates / "base.html").read_text() + (templates / template).read_text()
    waiting, found = re.findall(r"{% static '([^']+)' %}", frame), set[str]()
    while waiting:
        address = waiting.pop()
        if address not in found:
            found.add(address)
            if address.endswith(".js"):
                imports = re.findall(
                    r'^(?:import|export) .*?"(\..*?)";$', (SOURCES / address).read_text(), re.MULTILINE
                )
                waiting += [os.path.normpath(Path(address).parent / each) for each in imports]
    return found


def test_every_vendored_file_is_listed_with_its_licence() -> None:
    listed = (SOURCES / "vendor" / "VENDORED.md").read_text()
    files = [path for path in (SOURCES / "vendor").glob("*/*") if path.is_file()]
    assert len(files) >= 6
    assert [str(path) for path in files if f"`{path.parent.name}/{path.name}`" not in listed] == []


def test_vendored_files_name_no_source_maps() -> None:
    named = [path for path in (SOURCES / "vendor").glob("*/*") if b"sourceMappingURL=" in path.read_bytes()]
    assert named == []
