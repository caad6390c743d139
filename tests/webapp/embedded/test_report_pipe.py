"""What the preparing child tells the supervisor."""

import os

from webapp.embedded.report_pipe import ReportPipe, report


def test_reports_are_merged_and_read_once() -> None:
    pipe = ReportPipe()
    assert pipe.read() == {}
    report(pipe.write_file, data=True)
    report(pipe.write_file, login="/x/")
    assert pipe.read() == {"data": True, "login": "/x/"}
    assert pipe.read() == {}
    pipe.let_child_write()
    assert pipe.read() == {}
    pipe.close()


def test_a_half_written_report_waits_for_its_end() -> None:
    pipe = ReportPipe()
    os.write(pipe.write_file, b'{"data": ')
    assert pipe.read() == {}
    os.write(pipe.write_file, b"true}\n")
    assert pipe.read() == {"data": True}
    pipe.let_child_write()
    pipe.close()


def test_without_a_listener_nothing_happens() -> None:
    report(None, data=True)
