"""The bucket is there after the program, whether it was before or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parent.parent.parent


def make_bucket(address: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "classifier.settings",
        "WHATSIT_VAR": str(tmp_path),
        "STORAGE_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    program = str(ROOT / "docker" / "make_bucket.py")
    return subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=False)


def test_it_makes_the_bucket_once_and_leaves_it_alone_then(tmp_path: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        for _ in range(2):
            finished = make_bucket(f"s3://whatsit-new?endpoint=http://{host}:{port}", tmp_path)
            assert finished.returncode == 0, finished.stderr[-500:]
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        # The server's buckets are this process's: other tests may have left some.
        assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]].count("whatsit-new") == 1
    finally:
        server.stop()


@pytest.mark.parametrize("address", ["file://var/media"])
def test_a_folder_needs_no_bucket(address: str, tmp_path: Path) -> None:
    assert make_bucket(address, tmp_path).returncode == 0
