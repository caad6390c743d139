"""OpenStack Swift with its S3 interface on loopback: four servers, three one-device rings, one folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("swift-proxy", "swift-account", "swift-container", "swift-object")
ACCESS_KEY, SECRET_KEY = "whatsit:tester", "only-for-tests"
_NODES = ("account", "container", "object")
_START_SECONDS = 120.0

_SHARED = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
user = {user}
log_level = CRITICAL

"""
_NODE = """[pipeline:main]
pipeline = {name}-server

[app:{name}-server]
use = egg:swift#{name}
"""
_PROXY = """[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth copy slo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

# tempauth insists on a cache; nothing listens there, which Swift takes for an empty one
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1

[filter:tempauth]
use = egg:swift#tempauth
user_whatsit_tester = {secret} .admin

[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
check_bucket_owner = false
dns_compliant_bucket_names = true
"""
_FILTERS = ("catch_errors", "listing_formats", "copy", "slo")
_SWIFT = """[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests

[storage-policy:0]
name = only
default = yes
"""


_RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, *nodes = sys.argv[1:]
for name, port in (node.split("=") for node in nodes):
    builder = RingBuilder(4, 1, 0)
    place = {"ip": "127.0.0.1", "port": int(port)}
    mirror = {f"replication_{word}": value for word, value in place.items()}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "disk", "weight": 1.0, "meta": "", **place, **mirror})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
"""


@dataclass(frozen=True)
class SwiftServer:
    """A running store; `stop` ends its processes."""

    endpoint: str
    processes: tuple[subprocess.Popen[bytes], ...]

    def stop(self) -> None:
        """End the four servers and wait for them."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def missing_packages() -> list[str]:
    """The Debian packages whose programs are not installed here."""
    return [package for package in PACKAGES if shutil.which(f"{package}-server") is None]


def start_swift(folder: Path) -> SwiftServer:
    """Configure and start everything below `folder`; returns when the S3 interface answers."""
    folder.joinpath("devices", "disk").mkdir(parents=True)
    folder.joinpath("swift.conf").write_text(_SWIFT)
    ports = dict(zip((*_NODES, "proxy"), _free_ports(4), strict=True))
    _build_rings(folder, ports)
    processes = tuple(_start(folder, name, port) for name, port in ports.items())
    server = SwiftServer(endpoint=f"http://127.0.0.1:{ports['proxy']}", processes=processes)
    try:
        _wait(folder, processes, list(ports.values()))
    except BaseException:
        server.stop()
        raise
    return server


def _build_rings(folder: Path, ports: dict[str, int]) -> None:
    """In Debian's own Python, where Swift lives; `swift-ring-builder` would start nine times for the same."""
    words = [str(folder), *(f"{name}={ports[name]}" for name in _NODES)]
    subprocess.run(["/usr/bin/python3", "-c", _RINGS, *words], check=True, timeout=60)


def _start(folder: Path, name: str, port: int) -> subprocess.Popen[bytes]:
    user = Path("~").expanduser().owner()
    text = _SHARED.format(port=port, folder=folder, user=user)
    if name == "proxy":
        text += _PROXY.format(secret=SECRET_KEY)
        text += "".join(f"\n[filter:{word}]\nuse = egg:swift#{word}\n" for word in _FILTERS)
    else:
        text += _NODE.format(name=name)
    configuration = folder / f"{name}.conf"
    configuration.write_text(text)
    with folder.joinpath(f"{name}.log").open("wb") as log:
        return subprocess.Popen([f"swift-{name}-server", str(configuration), "-v"], stdout=log, stderr=log)


def _wait(folder: Path, processes: tuple[subprocess.Popen[bytes], ...], ports: list[int]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    for port in ports:
        while not _answers(port):
            if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(folder.glob("*.log")))
                raise RuntimeError(f"Swift did not start:\n{logs}")
            time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
