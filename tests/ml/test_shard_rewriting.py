"""A packed dataset without some pictures: gone from every shard, all others as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.datasets import DatasetError
from ml.shard_rewriting import read_contents, rewrite_without
from ml.shards import PackedExample, ShardWriter, read_index, read_shards

LABELS = ["cat", "dog"]


def content(number: int) -> str:
    return f"{number:02x}" * 32


def example(number: int, *, encoded: bool) -> PackedExample:
    picture = bytes([number]) * (number + 1) if encoded else np.full((4, 4, 1), number, np.uint8)
    return PackedExample(picture, number % 2, content(number), bytes([number]) * 32, number % 5 == 0)


@pytest.fixture(params=[True, False], ids=["encoded", "raw"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Twelve pictures in several shards."""
    folder = tmp_path / "packed"
    with ShardWriter(folder, LABELS, has_official_test=True, shard_bytes=64 if not request.param else 20) as writer:
        for number in range(12):
            writer.add(example(number, encoded=request.param))
    assert len(read_index(folder).shards) > 2
    return folder


def pictures(folder: Path) -> dict[str, tuple[int, bytes, bool]]:
    """Content → label, picture and split of all that is packed there, which checks every digest of the index."""
    found = {}
    for shard in read_shards(folder):
        for place in range(len(shard)):
            data = shard.encoded(place) if shard.pixels is None else shard.pixels[place].tobytes()
            found[shard.content(place)] = (int(shard.labels[place]), data, bool(shard.is_official_test[place]))
    return found


def test_the_pictures_are_gone_and_all_others_are_as_they_were(packed: Path, tmp_path: Path) -> None:
    before = pictures(packed)
    left_out = rewrite_without(packed, tmp_path / "new", [content(3), content(10)])
    assert left_out == {content(3): "train", content(10): "holdout"} or set(left_out) == {content(3), content(10)}
    after = pictures(tmp_path / "new")
    assert after == {name: facts for name, facts in before.items() if name not in left_out}
    assert pictures(packed) == before


def test_the_index_is_the_one_a_writer_would_have_made(packed: Path, tmp_path: Path) -> None:
    is_encoded = next(read_shards(packed)).pixels is None
    rewrite_without(packed, tmp_path / "new", [content(3), content(10)])
    with ShardWriter(tmp_path / "afresh", LABELS, has_official_test=True) as writer:
        for number in range(12):
            if number not in (3, 10):
                writer.add(example(number, encoded=is_encoded))
    new, afresh = read_index(tmp_path / "new"), read_index(tmp_path / "afresh")
    assert (new.digest, new.count, new.per_label, new.per_split) == (
        afresh.digest,
        afresh.count,
        afresh.per_label,
        afresh.per_split,
    )


def test_a_rewritten_shard_has_a_new_name_and_the_others_keep_theirs(packed: Path, tmp_path: Path) -> None:
    rewrite_without(packed, tmp_path / "new", [content(3)])
    old = {entry.name: entry.sha256 for entry in read_index(packed).shards}
    new = {entry.name: entry.sha256 for entry in read_index(tmp_path / "new").shards}
    assert len(new.keys() - old.keys()) <= 1
    assert all(old[name] == sha256 for name, sha256 in new.items() if name in old)


def test_it_can_be_done_again_and_again(packed: Path, tmp_path: Path) -> None:
    folder = packed
    for number in range(12):
        rewrite_without(folder, tmp_path / f"{number}", [content(number)])
        folder = tmp_path / f"{number}"
        assert len(pictures(folder)) == 11 - number
    assert read_index(folder).shards == []


def test_nothing_is_written_where_nothing_has_to_go(packed: Path, tmp_path: Path) -> None:
    assert rewrite_without(packed, tmp_path / "new", ["ff" * 32]) == {}
    assert not (tmp_path / "new").exists()


def test_contents_that_end_in_zeros_are_told_apart(tmp_path: Path) -> None:
    contents = ["ab" + "00" * 31, "ab00cd" + "00" * 29]
    with ShardWriter(tmp_path / "packed", LABELS, has_official_test=False) as writer:
        for place, digest in enumerate(contents):
            writer.add(PackedExample(b"x", place, digest, bytes(32), False))
    assert set(rewrite_without(tmp_path / "packed", tmp_path / "new", contents[:1])) == {contents[0]}
    assert set(pictures(tmp_path / "new")) == {contents[1]}


def test_a_damaged_shard_is_an_error_and_leaves_nothing(packed: Path, tmp_path: Path) -> None:
    (packed / read_index(packed).shards[0].name).write_bytes(b"no shard")
    with pytest.raises(DatasetError):
        rewrite_without(packed, tmp_path / "new", [content(3)])
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]


def test_reading_contents_reads_one_array(packed: Path) -> None:
    found = [value for entry in read_index(packed).shards for value in read_contents(packed / entry.name).tolist()]
    assert found == [bytes.fromhex(content(number)).rstrip(b"\0") for number in range(12)]
