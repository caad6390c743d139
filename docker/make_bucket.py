"""Makes the bucket that STORAGE_URL names, if it is an S3 store that lacks it. Safe to run again."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django

WAIT_SECONDS = 60.0


def main() -> None:
    """Ask the store until it answers: it may still be starting."""
    django.setup()
    from django.conf import settings  # settings exist only after setup
    from django.core.files.storage import default_storage

    if not settings.STORAGE_URL.startswith("s3://"):
        return
    from botocore.exceptions import BotoCoreError, ClientError  # absent where the store is a folder

    client = default_storage.connection.meta.client  # type: ignore[attr-defined]  # S3 storages have it
    name = default_storage.bucket_name  # type: ignore[attr-defined]
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if any(bucket["Name"] == name for bucket in client.list_buckets()["Buckets"]):
                return
            client.create_bucket(Bucket=name)
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)


if __name__ == "__main__":
    main()
