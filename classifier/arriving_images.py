"""Pictures on their way in: admitted and stored one by one, before any row names them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.utils import timezone

from classifier.errors import Refused, StorageUnavailable
from classifier.identifiers import new_id
from classifier.image_gate import AcceptedPicture, admit_picture
from classifier.image_names import clean_name
from classifier.models import Classifier, Image
from classifier.object_storage import delete_object, write_verified
from classifier.owners import Owner
from classifier.presentation import describable
from classifier.upload_requests import RefusedFile, SentFile


class ArrivingImages:
    """One request's pictures. Its objects are orphans until the rows are committed; whoever gives up removes them.

    `contents` names every accepted file in sending order, `fresh` holds the unsaved rows of those stored here.
    """

    def __init__(self, classifier: Classifier, owner: Owner, source: str) -> None:
        self._classifier = classifier
        self._owner = owner
        self._source = source
        self.contents: list[str] = []
        self.fresh: dict[str, Image] = {}
        self.rejected: list[RefusedFile] = []

    def admit_all(self, files: Sequence[SentFile]) -> None:
        """Admit and store each file, or note its refusal. Raises StorageUnavailable, with nothing left behind."""
        try:
            for index, file in enumerate(files):
                self._admit(index, file)
        except BaseException:
            self.remove_objects()
            raise

    def _admit(self, index: int, file: SentFile) -> None:
        name = clean_name(file.name)
        try:
            picture = admit_picture(file.read())
        except Refused as refusal:
            self.rejected.append(RefusedFile(index, name, refusal.code, refusal.message))
            return
        self.contents.append(picture.content)
        if picture.content not in self.fresh:
            image = self._make_image(name, picture)
            self.fresh[picture.content] = image
            write_verified(image.storage_key, picture.data)

    def find_known(self) -> dict[str, Image]:
        """The owner's images that show one of these pictures already, by content; our objects of them are removed."""
        rows = Image.objects.filter(classifier=self._classifier, owner=self._owner.key, content__in=set(self.contents))
        known = {image.content: image for image in describable(rows)}
        _remove([self.fresh.pop(content).storage_key for content in known if content in self.fresh])
        return known

    def remove_objects(self) -> None:
        """Undo everything stored here."""
        _remove([image.storage_key for image in self.fresh.values()])
        self.fresh.clear()

    def _make_image(self, name: str, picture: AcceptedPicture) -> Image:
        identifier = new_id()
        suffix = "png" if picture.format == "PNG" else "jpg"
        return Image(
            id=identifier,
            classifier=self._classifier,
            owner=self._owner.key,
            name=name,
            sha256=picture.sha256,
            file_sha256=hashlib.sha256(picture.data).hexdigest(),
            content=picture.content,
            difference_hash=picture.difference_hash,
            storage_key=f"images/{timezone.now():%Y/%m/%d}/{identifier.hex}.{suffix}",
            format=picture.format,
            width=picture.width,
            height=picture.height,
            original_width=picture.original_width,
            original_height=picture.original_height,
            size_bytes=len(picture.data),
            notes=list(picture.notes),
            source=self._source,
        )


def _remove(keys: Sequence[str]) -> None:
    """An object that cannot be removed now is an orphan that housekeeping finds."""
    for key in keys:
        try:
            delete_object(key)
        except StorageUnavailable:
            return
