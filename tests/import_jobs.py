"""Makers of import jobs and of what is uploaded for them."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

from django.contrib.auth.models import Permission, User

from classifier.import_jobs import request_import
from classifier.import_uploads import close_upload, store_part
from classifier.models import ImportJob
from tests.dataset_makers import write_folders, zip_folder


def make_owner(name: str = "owner", *, rights: tuple[str, ...] = ("view_trainingrun", "add_trainingrun")) -> User:
    """Staff with these rights."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def zip_bytes(folder: Path, counts: dict[str, int], *, first_seed: int = 0) -> bytes:
    """A ZIP of drawn pictures below each folder name."""
    made = write_folders(folder / f"made-{first_seed}", counts, first_seed=first_seed)
    return zip_folder(made, folder / f"made-{first_seed}.zip").read_bytes()


def send_in_parts(user: User, data: bytes, *, part_bytes: int = 1000) -> str:
    """Upload as the page does; the closed upload's folder."""
    upload = uuid.uuid4()
    stream = io.BytesIO(data)
    number = 0
    while part := stream.read(part_bytes):
        number += 1
        store_part(user=user, upload=upload, number=number, data=part)
    return close_upload(user=user, upload=upload, size_bytes=len(data))


def queue_upload(user: User, data: bytes, *, name: str = "first", slug: str = "pets") -> ImportJob:
    """An import of an uploaded ZIP."""
    folder = send_in_parts(user, data)
    return request_import(
        classifier_slug=slug, name=name, user=user, storage_key=folder, file_name="pets.zip", classifier_name="My pets"
    )
