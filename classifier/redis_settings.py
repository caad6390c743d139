"""Where Redis is, and which of its databases serves what."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

DEFAULT_ADDRESS = "redis://127.0.0.1:6379"


def redis_address(address_file: Path) -> str:
    """The embedded Redis' address, as `manage.py up` wrote it, else the standard local one."""
    try:
        return address_file.read_text(encoding="ascii").strip() or DEFAULT_ADDRESS
    except OSError:
        return DEFAULT_ADDRESS


def redis_database(url: str, offset: int) -> str:
    """The same server's database number `offset` above the one the URL names (0 when it names none)."""
    parts = urlsplit(url)
    named = parts.path.strip("/")
    first = int(named) if named.isdigit() else 0
    if parts.scheme == "unix":
        return f"{url}{'&' if parts.query else '?'}db={offset}"
    return urlunsplit(parts._replace(path=f"/{first + offset}"))
