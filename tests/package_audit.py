"""`make audit`: are there known vulnerabilities in the pinned packages? Says plainly where that could not be asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


@dataclass
class Audit:
    """`unknown` are packages that the vulnerability service does not know or was not asked about."""

    vulnerable: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    asked: int = 0


def unfounded_pins(text: str) -> list[str]:
    """Packages of a compiled list that are not held by a SHA-256 of their files."""
    return [f"{name} {version}" for name, version, rest in _PIN.findall(text) if "--hash=sha256:" not in rest]


def read_answer(answer: str) -> Audit:
    """What pip-audit wrote as JSON; nothing readable counts as nothing asked."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit()
    audit = Audit(asked=len(packages))
    for package in packages:
        if "skip_reason" in package:
            audit.unknown.append(package["name"])
        for found in package.get("vulns", []):
            mended = ", ".join(found.get("fix_versions", [])) or "no release yet"
            audit.vulnerable.append(f"{package['name']} {package['version']}: {found['id']} (mended in: {mended})")
    return audit


def describe(audit: Audit) -> str:
    """The outcome for whoever called."""
    if audit.vulnerable:
        return "Known vulnerabilities:\n  " + "\n  ".join(audit.vulnerable)
    if audit.asked == len(audit.unknown):
        return (
            "The vulnerability service could not be asked from here. Checked is only that every package is pinned, by "
            "its version and the SHA-256 of its files."
        )
    left = f" Unknown to the service: {', '.join(sorted(audit.unknown))}." if audit.unknown else ""
    return f"No known vulnerability in {audit.asked - len(audit.unknown)} packages.{left}"


def main() -> int:
    """0: nothing known, or nothing could be asked; 1: something is wrong, and what."""
    lists = sorted(ROOT.glob("requirements*.txt"))
    loose = [f"{path.name}: {pin}" for path in lists for pin in unfounded_pins(path.read_text(encoding="utf-8"))]
    if loose:
        print("Not held by a SHA-256; run make requirements:\n  " + "\n  ".join(loose))
        return 1
    audit = Audit()
    for path in lists:  # one at a time: the same package in two lists counts as said twice to pip-audit
        options = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
        command = [sys.executable, "-m", "pip_audit", *options, "-r", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        found = read_answer(done.stdout)
        audit.asked += found.asked
        audit.unknown += [name for name in found.unknown if name not in audit.unknown]
        audit.vulnerable += [words for words in found.vulnerable if words not in audit.vulnerable]
    print(describe(audit))
    return 1 if audit.vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
