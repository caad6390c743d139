"""`STORAGE_URL` → Django's `STORAGES["default"]`: which store, and the options it was checked with.

Access keys never stand in the URL: they come from the variables (or NAME_FILE files) that each cloud's own tools read.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from classifier.environment import read_secret

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_MODE: Final = re.compile(r"0?[0-7]{3}")
_TIMEOUTS: Final = {"connect_timeout", "read_timeout"}


def storage_configuration(url: str, *, base_dir: Path) -> dict[str, Any]:
    """The entry for file://folder, s3://bucket, gs://bucket or azure://container, each with ?option=value.

    A relative folder is below `base_dir`. Raises ImproperlyConfigured with a sentence for the operator.
    """
    parts = urlsplit(url)
    if parts.scheme not in _READERS:
        schemes = ", ".join(f"{scheme}://" for scheme in _READERS)
        found = f"{parts.scheme}://" if parts.scheme else "no scheme"
        raise ImproperlyConfigured(f"STORAGE_URL must begin with one of {schemes}; it has {found}.")
    if parts.fragment:
        raise ImproperlyConfigured("STORAGE_URL holds a '#': write %23 for it in a path.")
    if parts.username is not None or parts.password is not None:
        raise ImproperlyConfigured(
            "STORAGE_URL holds an access key. Addresses end up in logs: use the variables of your cloud instead "
            "(AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_CONNECTION_STRING …)."
        )
    return _READERS[parts.scheme](parts, base_dir)


def _file(parts: SplitResult, base_dir: Path) -> dict[str, Any]:
    options = _options(parts, {"file_mode", "directory_mode"})
    folder = unquote(f"{parts.netloc}{parts.path}")
    if not folder.strip("/"):
        raise ImproperlyConfigured("STORAGE_URL names no folder: write file://var/media or file:///srv/media.")
    return {
        "BACKEND": "classifier.storage_backends.DurableLocalStorage",
        "OPTIONS": {
            "location": str(base_dir / folder),
            "file_permissions_mode": _mode(options, "file_mode", 0o600),
            "directory_permissions_mode": _mode(options, "directory_mode", 0o700),
        },
    }


def _s3(parts: SplitResult, _base_dir: Path) -> dict[str, Any]:
    _require("boto3", parts)
    options = _options(parts, {"endpoint", "region", "addressing", *_TIMEOUTS})
    endpoint = _endpoint(options)
    addressing = options.get("addressing", "path" if endpoint else "auto")
    if addressing not in {"path", "virtual", "auto"}:
        raise ImproperlyConfigured(f"STORAGE_URL: addressing must be path, virtual or auto; it is {addressing!r}.")
    access_key, secret_key = read_secret("AWS_ACCESS_KEY_ID"), read_secret("AWS_SECRET_ACCESS_KEY")
    if bool(access_key) != bool(secret_key):
        raise ImproperlyConfigured(
            "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither (roles, profiles)."
        )
    return {
        "BACKEND": "classifier.storage_s3.S3ObjectStorage",
        "OPTIONS": {
            "bucket_name": _bucket(parts),
            "location": _prefix(parts),
            "endpoint_url": endpoint,
            "region_name": options.get("region") or ("us-east-1" if endpoint else None),
            "addressing_style": addressing,
            # None: boto3 looks for a profile or a role, as the other AWS tools do.
            "access_key": access_key or None,
            "secret_key": secret_key or None,
            "security_token": read_secret("AWS_SESSION_TOKEN") or None,
            "signature_version": "s3v4",
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": 300,
            "file_overwrite": False,
            **_timeouts(options),
        },
    }


def _google(parts: SplitResult, _base_dir: Path) -> dict[str, Any]:
    _require("google.cloud.storage", parts)
    options = _options(parts, {"endpoint", "project", *_TIMEOUTS})
    return {
        "BACKEND": "classifier.storage_google.GoogleObjectStorage",
        "OPTIONS": {
            "bucket_name": _bucket(parts),
            "location": _prefix(parts),
            "api_endpoint": _endpoint(options),
            "project_id": options.get("project"),
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
            **_timeouts(options),
        },
    }


def _azure(parts: SplitResult, _base_dir: Path) -> dict[str, Any]:
    _require("azure.storage.blob", parts)
    options = _options(parts, {"account", *_TIMEOUTS})
    connection = read_secret("AZURE_STORAGE_CONNECTION_STRING")
    account = options.get("account") or read_secret("AZURE_STORAGE_ACCOUNT")
    key, token = read_secret("AZURE_STORAGE_KEY"), read_secret("AZURE_STORAGE_SAS_TOKEN")
    if not connection and not (account and (key or token)):
        raise ImproperlyConfigured(
            "An azure:// STORAGE_URL needs AZURE_STORAGE_CONNECTION_STRING, or ?account=NAME with AZURE_STORAGE_KEY or "
            "AZURE_STORAGE_SAS_TOKEN."
        )
    return {
        "BACKEND": "classifier.storage_azure.AzureObjectStorage",
        "OPTIONS": {
            "azure_container": _bucket(parts),
            "location": _prefix(parts),
            "connection_string": connection or None,
            "account_name": account or None,
            "account_key": key or None,
            "sas_token": token or None,
            "expiration_secs": 300,
            "overwrite_files": False,
            **_timeouts(options),
        },
    }


_READERS: Final = {"file": _file, "s3": _s3, "gs": _google, "azure": _azure}


def _require(module: str, parts: SplitResult) -> None:
    try:
        present = find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        present = False
    if not present:
        raise ImproperlyConfigured(
            f"STORAGE_URL begins with {parts.scheme}://, which needs the Python package {module}: "
            "pip install -r requirements-storage.txt."
        )


def _options(parts: SplitResult, known: set[str]) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ImproperlyConfigured("STORAGE_URL gives an option twice.")
    if unknown := sorted(options.keys() - known):
        raise ImproperlyConfigured(
            f"STORAGE_URL has an option {unknown[0]!r} that {parts.scheme}:// does not know; it knows "
            f"{', '.join(sorted(known))}."
        )
    if blank := sorted(name for name, value in options.items() if not value):
        raise ImproperlyConfigured(f"STORAGE_URL: {blank[0]} has no value.")
    return options


def _bucket(parts: SplitResult) -> str:
    if not _BUCKET.fullmatch(parts.netloc):
        raise ImproperlyConfigured(
            f"STORAGE_URL must name a bucket, as in {parts.scheme}://pictures; found {parts.netloc or 'nothing'!r}."
        )
    return parts.netloc


def _prefix(parts: SplitResult) -> str:
    """What stands after the bucket: the folder inside it that is ours."""
    prefix = parts.path.strip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ImproperlyConfigured(
            f"STORAGE_URL: {prefix!r} cannot be a folder in a bucket; use letters, digits, - and _."
        )
    return prefix


def _endpoint(options: dict[str, str]) -> str | None:
    endpoint = options.get("endpoint")
    if endpoint is None:
        return None
    address = urlsplit(endpoint)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ImproperlyConfigured(f"STORAGE_URL: endpoint must be http(s)://host[:port]; it is {endpoint!r}.")
    return endpoint.rstrip("/")


def _timeouts(options: dict[str, str]) -> dict[str, float]:
    """Two tries, the pause between them included, stay under the 10 s in which an upload must have its answer."""
    return {
        "connect_timeout_seconds": _seconds(options, "connect_timeout", 2.0),
        "read_timeout_seconds": _seconds(options, "read_timeout", 3.5),
    }


def _seconds(options: dict[str, str], name: str, default: float) -> float:
    text = options.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", text) or not float(text):
        raise ImproperlyConfigured(f"STORAGE_URL: {name} must be seconds between 0 and 999; it is {text!r}.")
    return float(text)


def _mode(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not _MODE.fullmatch(text):
        raise ImproperlyConfigured(f"STORAGE_URL: {name} must be octal such as 640; it is {text!r}.")
    return int(text, 8)
