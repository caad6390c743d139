"""Positions of a Kafka partition whose messages end in any order."""

from __future__ import annotations

from webapp.gateway.kafka_positions import PartitionWork


def test_the_position_waits_for_the_oldest_message_in_hand() -> None:
    work = PartitionWork(10)
    for offset in (10, 11, 12):
        assert work.count_delivery(offset) == 1
    work.finish(11)
    assert work.find_commit() == (10, "1:1,1d,1:1")
    work.finish(10)
    assert work.find_commit() == (12, "1:1")
    work.finish(12)
    assert work.find_commit() == (13, "")


def test_a_commit_is_said_once_until_something_changes_or_it_was_lost() -> None:
    work = PartitionWork(0)
    work.count_delivery(0)
    work.finish(0)
    assert work.find_commit() == (1, "")
    assert work.find_commit() is None
    work.forget_commit()
    assert work.find_commit() == (1, "")


def test_the_next_owner_goes_on_counting_and_skips_what_is_done() -> None:
    work = PartitionWork(10, "1:2,1d,1:1")
    assert [work.count_delivery(offset) for offset in (10, 11, 12, 13)] == [3, 0, 2, 1]


def test_an_unfinished_message_behind_a_known_one_is_never_passed() -> None:
    work = PartitionWork(10, "1:1,1d,3:1,1d")
    work.count_delivery(10)
    work.finish(10)
    assert work.find_commit() == (12, "3:1,1d")


def test_a_gap_is_passed_once_something_after_it_came() -> None:
    work = PartitionWork(10)
    work.count_delivery(10)
    work.count_delivery(14)
    work.finish(10)
    assert work.find_commit() == (14, "1:1")
    work.finish(14)
    assert work.find_commit() == (15, "")


def test_one_handed_out_again_counts_again_and_stays_in_hand() -> None:
    work = PartitionWork(5)
    work.count_delivery(5)
    assert work.count_again(5) == 2
    assert work.find_commit() == (5, "1:2")


def test_what_moves_to_another_without_fault_is_not_counted() -> None:
    work = PartitionWork(5, "1:3")
    work.count_delivery(5)
    work.count_delivery(6)
    work.forgive()
    assert work.find_commit() == (5, "1:3,1:0")


def test_without_a_committed_offset_the_first_that_comes_is_the_position() -> None:
    work = PartitionWork()
    assert work.find_commit() is None
    work.count_delivery(7)
    assert work.find_commit() == (7, "1:1")


def test_an_offset_that_cannot_follow_says_that_the_topic_is_another() -> None:
    work = PartitionWork(100)
    assert work.starts_anew(3)
    work.count_delivery(100)
    assert work.starts_anew(100)
    assert not work.starts_anew(101)


def test_metadata_of_somebody_else_is_taken_for_none() -> None:
    for text in ("consumer-7", '{"a":1}', "999999999:1", "1:1,,"):
        assert PartitionWork(0, text).count_delivery(0) == 1


def test_metadata_stays_within_what_brokers_take() -> None:
    work = PartitionWork(0)
    for offset in range(5000):
        work.count_delivery(offset)
    for offset in range(1, 5000, 2):
        work.finish(offset)
    commit = work.find_commit()
    assert commit
    assert commit[0] == 0
    assert 3900 < len(commit[1]) <= 4000
    assert PartitionWork(*commit).count_delivery(1) == 0
