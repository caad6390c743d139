"""Reads the import statements of our floors from their source, without running any of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FLOORS = ("webapp", "tasks", "classifier", "ml")
TENSOR_LIBRARIES = frozenset({"tensorflow", "keras", "jax", "torch"})


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module as one statement names it. `late`: inside a function; `typing_only`: no run ever does it."""

    importer: str
    module: str
    line: int
    late: bool
    typing_only: bool
    star: bool
    explained: bool

    @property
    def package(self) -> str:
        """The top-level name."""
        return self.module.partition(".")[0]

    @property
    def place(self) -> str:
        """For messages: who, where, what."""
        return f"{self.importer}:{self.line} imports {self.module}"


def read_floor(root: Path, floor: str) -> list[Import]:
    """Every import below `root/floor`."""
    return [found for path in sorted((root / floor).rglob("*.py")) for found in read_file(root, path)]


def module_name(root: Path, path: Path) -> str:
    """`webapp/api/images.py` → `webapp.api.images`; a package's file is the package."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_file(root: Path, path: Path) -> list[Import]:
    """The imports of one file. `from a import b` names `a.b` when that is a module of ours, else `a`."""
    source = path.read_text(encoding="utf-8")
    importer = module_name(root, path)
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    lines = source.splitlines()
    found: list[Import] = []
    for node, late, typing_only in _statements(ast.parse(source), late=False, typing_only=False):
        star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        explained = _has_reason(lines, node.lineno)
        found += [
            Import(importer, module, node.lineno, late, typing_only, star, explained)
            for module in dict.fromkeys(_modules(root, package, node))
        ]
    return found


def tensor_bearing(root: Path, imports: list[Import]) -> set[str]:
    """Modules of ours whose import loads a tensor library, by themselves or through others, their packages included."""
    at_start = [found for found in imports if not found.late and not found.typing_only]
    bearing = {found.importer for found in at_start if found.package in TENSOR_LIBRARIES}
    while True:
        more = {found.importer for found in at_start if _loaded_by(found.module) & bearing} - bearing
        if not more:
            return bearing
        bearing |= more


def loads_tensors(module: str, bearing: set[str]) -> bool:
    """Does importing `module` load a tensor library?"""
    return bool(_loaded_by(module) & (bearing | TENSOR_LIBRARIES))


def _loaded_by(module: str) -> set[str]:
    """Importing `a.b.c` runs `a`, `a.b` and `a.b.c`."""
    parts = module.split(".")
    return {".".join(parts[: count + 1]) for count in range(len(parts))}


def _statements(
    node: ast.AST, *, late: bool, typing_only: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, late, typing_only
            continue
        inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for part in child.body:
                yield from _statements(ast.Module([part], []), late=inside, typing_only=True)
            for part in child.orelse:
                yield from _statements(ast.Module([part], []), late=inside, typing_only=typing_only)
            continue
        yield from _statements(child, late=inside, typing_only=typing_only)


def _modules(root: Path, package: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
    return [f"{base}.{name.name}" if _is_module(root, f"{base}.{name.name}") else base for name in node.names]


def _is_module(root: Path, module: str) -> bool:
    path = root.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _has_reason(lines: list[str], number: int) -> bool:
    """A comment in words on the statement's line, or above the unbroken block of imports that it stands in."""
    if _is_spoken(lines[number - 1].partition("#")[2]):
        return True
    above = number - 2
    while above >= 0 and lines[above].strip().startswith(("import ", "from ")):
        above -= 1
    return lines[above].strip().startswith("#") and _is_spoken(lines[above].strip().removeprefix("#"))


def _is_spoken(comment: str) -> bool:
    return len(_words(comment)) >= 3


def _words(comment: str) -> list[str]:
    """The words of a comment, without the rule names of a `noqa` or `type: ignore`."""
    spoken = comment.rpartition(" - ")[2] if "noqa" in comment else comment.rpartition("# ")[2]
    return [word for word in spoken.split() if word.isascii() and any(letter.isalpha() for letter in word)]
