"""Importing labelled pictures: find out what lies there, pack it, store it, write the row last."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import structlog
from django.conf import settings

from classifier.dataset_archives import UnreadableFileError, ZipSource
from classifier.dataset_layouts import IDX_NAME, LONGEST_LABEL, RejectedFile, arrange_by_folders, clean_label
from classifier.dataset_sources import FolderSource, PictureSource, open_source
from classifier.datasets import PackedDataset, add_dataset, dataset_cache_dir, name_of_new_dataset
from classifier.errors import Refused, StorageUnavailable
from classifier.models import Classifier, Dataset
from ml.datasets import FASHION_LABELS, DatasetError, IdxFile, find_idx_pairs, read_idx
from ml.shards import read_index
from tasks.dataset_packing import OnProgress, PackedFacts, pack_idx, pack_pictures, read_facts, write_preview

logger = structlog.get_logger(__name__)

Format = Literal["auto", "idx", "folder", "zip"]
FORMATS: Final[tuple[Format, ...]] = ("auto", "idx", "folder", "zip")
_KNOWN_LABEL_FILES: Final = {
    "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7": FASHION_LABELS,
    "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9": FASHION_LABELS,
}
"""SHA-256 of the answers of official IDX files → the names of their label numbers."""
_IDX_FILE_BYTES: Final = 2_000_000_000
_ABANDONED_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What became of an import. `is_new` is False where the very same pictures are a dataset already."""

    dataset: Dataset
    is_new: bool
    is_new_classifier: bool
    rejected: Sequence[RejectedFile]
    duplicates: int
    contradictions: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Job:
    source: PictureSource
    side: Path
    format: Format
    label_file: Path | None
    on_progress: OnProgress

    @property
    def packed(self) -> Path:
        return self.side / "packed"


def import_pictures(
    *,
    name: str,
    place: str,
    format: Format = "auto",  # noqa: A002 - the word of the command line
    classifier_slug: str | None = None,
    classifier_name: str = "",
    label_file: Path | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> ImportOutcome:
    """Make a dataset of what lies at `place`: a folder, a ZIP file or a storage URL.

    Files that are no pictures are listed in the outcome. Raises Refused, NotFound, Conflict, StorageUnavailable,
    always with nothing left behind: no row, no object, no file.
    """
    started = time.monotonic()
    name, slug = name_of_new_dataset(name=name, classifier_slug=classifier_slug)
    is_new_classifier = not Classifier.objects.filter(slug=slug).exists()
    with _full_disk_named(), _side_folder() as side, _opened(place, format) as source:
        job = _Job(source, side, format, label_file, on_progress)
        try:
            rejected = _pack(job)
            packed, facts = _describe(job.packed, rejected)
        except DatasetError as problem:
            raise Refused("malformed_request", str(problem)) from problem
        dataset, is_new = add_dataset(classifier_slug=slug, classifier_name=classifier_name, name=name, packed=packed)
        if is_new:
            _keep_in_cache(job.packed, dataset)
    seconds = time.monotonic() - started
    logger.info("dataset_imported", dataset=str(dataset.id), images=dataset.image_count, seconds=round(seconds, 1))
    return ImportOutcome(
        dataset, is_new, is_new and is_new_classifier, rejected, facts.duplicates, facts.contradictions, seconds
    )


def _pack(job: _Job) -> Sequence[RejectedFile]:
    names = job.source.names()
    idx_names = [name for name in names if IDX_NAME.fullmatch(name.rpartition("/")[2])]
    if job.format == "idx" or (job.format in ("auto", "zip") and idx_names):
        _pack_idx(job, idx_names)
        return []
    if job.label_file is not None:
        raise Refused("malformed_request", "--labels names the label numbers of IDX files; folders carry their names.")
    layout = arrange_by_folders(names)
    if not layout.pictures:
        raise Refused(
            "malformed_request",
            "No labelled pictures lie there. Put them into one folder per label, as in cats/1.jpg and dogs/2.jpg.",
        )
    refused = pack_pictures(job.packed, job.source, layout, on_progress=job.on_progress)
    if len(refused) == len(layout.pictures):
        first = f"{refused[0].name}: {refused[0].reason}"
        raise Refused("malformed_request", f"None of the {len(refused):,} files is a picture. The first is {first}")
    return [*layout.passed_over, *refused]


def _pack_idx(job: _Job, names: Sequence[str]) -> None:
    """IDX files where they lie in one folder; those in a ZIP, a storage or deeper are copied out first."""
    if isinstance(job.source, FolderSource) and not any("/" in name for name in names):
        folder = job.source.folder
    else:
        folder = job.side / "idx"
        folder.mkdir()
        for name in names:
            (folder / name.rpartition("/")[2]).write_bytes(_read_idx_file(job.source, name))
    pairs = find_idx_pairs(folder)
    if not pairs:
        raise DatasetError(
            "Pictures and labels were not both found, such as train-images-idx3-ubyte.gz with its labels."
        )
    label_paths = [label_path for _, label_path in pairs.values()]
    shapes = {pictures.name: IdxFile(pictures).shape for pictures, _ in pairs.values()}
    if empty := [name for name, shape in shapes.items() if 0 in shape]:
        raise DatasetError(f"{' and '.join(empty)} holds no picture. Bring the whole file, or leave it out.")
    total = sum(shape[0] for shape in shapes.values())
    labels = name_idx_labels(label_paths, job.label_file)
    pack_idx(job.packed, folder, labels, has_test="test" in pairs, total=total, on_progress=job.on_progress)


def _read_idx_file(source: PictureSource, name: str) -> bytes:
    try:
        data = source.read(name, _IDX_FILE_BYTES)
    except UnreadableFileError as problem:
        raise Refused("malformed_request", f"{name}: {problem}") from problem
    if len(data) > _IDX_FILE_BYTES:
        raise Refused("malformed_request", f"{name} is too large; unpack it and import the folder.")
    return data


def name_idx_labels(label_paths: Sequence[Path], label_file: Path | None) -> list[str]:
    """The names of the label numbers: from the file, or of the official files, else the numbers themselves.

    Raises DatasetError, Refused where the file does not fit.
    """
    answers = [read_idx(path) for path in label_paths]
    count = max((int(part.max()) + 1 for part in answers if part.size), default=0)
    if label_file is not None:
        return read_label_file(label_file, count)
    for part in answers:
        known = _KNOWN_LABEL_FILES.get(hashlib.sha256(part.tobytes()).hexdigest())
        if known:
            return list(known)
    return [str(number) for number in range(count)]


def read_label_file(path: Path, count: int) -> list[str]:
    """One name a line, the first for label number 0. Raises Refused."""
    try:
        names = [clean_label(line) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise Refused("malformed_request", f"The label file {path} cannot be read: {problem}.") from problem
    if len(names) < count:
        raise Refused(
            "malformed_request", f"The label file {path} names {len(names)} labels; the pictures have {count}."
        )
    if any(len(name) > LONGEST_LABEL for name in names):
        raise Refused("malformed_request", f"The label file {path} names a label of over {LONGEST_LABEL} characters.")
    if len(set(names)) != len(names) or not all(names):
        raise Refused(
            "malformed_request", f"The label file {path} names a label twice, or one without visible letters."
        )
    return names


def _describe(folder: Path, rejected: Sequence[RejectedFile]) -> tuple[PackedDataset, PackedFacts]:
    facts = read_facts(folder)
    write_preview(folder)
    packed = PackedDataset(
        folder=folder,
        digest=facts.digest,
        labels=read_index(folder).labels,
        counts=facts.counts,
        image_count=facts.image_count,
        has_test_split=facts.has_test_split,
        rejected=rejected,
    )
    return packed, facts


@contextmanager
def _opened(place: str, wished: Format) -> Iterator[PictureSource]:
    source = open_source(place)
    try:
        if wished == "zip" and not isinstance(source, ZipSource):
            raise Refused("malformed_request", f"{place} is no ZIP file.")
        yield source
    finally:
        source.close()


@contextmanager
def _full_disk_named() -> Iterator[None]:
    """This machine's own trouble as a sentence; what had been written goes with the side folder."""
    try:
        yield
    except OSError as problem:
        where = Path(problem.filename or "imports").name  # who may import need not know this machine's folders
        words = problem.strerror or str(problem)
        raise StorageUnavailable(f"The import had to stop: {words} ({where}). Nothing of it was kept.") from problem


@contextmanager
def _side_folder() -> Iterator[Path]:
    """A folder below var/ for the time of an import; what a killed import left a day ago goes too."""
    root = settings.VAR_DIR / "imports"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in root.iterdir():
        if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as side:
        yield Path(side)


def _keep_in_cache(folder: Path, dataset: Dataset) -> None:
    """The next training need not fetch what was just made here; where it cannot be kept, it will."""
    target = dataset_cache_dir() / dataset.id.hex
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not target.exists():
            folder.rename(target)
