"""What stops a start, and the sentence that says so."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.embedded.preflight import (
    StartRefused,
    check_folder,
    check_python,
    find_lan_address,
    hold_folder,
    open_listening_socket,
)


@pytest.mark.parametrize("version", [(3, 10), (3, 13), (3, 14)])
def test_it_refuses_a_python_without_builds_and_names_what_to_install(version: tuple[int, int]) -> None:
    with pytest.raises(StartRefused, match=r"3\.11 or 3\.12.*Install python3\.12"):
        check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_it_accepts_the_supported_pythons(version: tuple[int, int]) -> None:
    check_python(version)


def test_it_makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "var"
    check_folder(folder)
    assert list(folder.iterdir()) == []


def test_it_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "var"
    file.write_text("")
    with pytest.raises(StartRefused, match="WHATSIT_VAR"):
        check_folder(file)


def test_it_refuses_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:  # root may write everywhere
            os.setuid(65534)
        try:
            check_folder(tmp_path)
        except StartRefused as refused:
            os._exit(7 if "Permission denied" in str(refused) else 8)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_second_start_on_the_same_folder_names_the_first(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from webapp.embedded.preflight import hold_folder;"
        f"held = hold_folder(pathlib.Path({str(tmp_path)!r})); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StartRefused, match=f"already running on .*process {other.pid}"):
            hold_folder(tmp_path)
        other.kill()
        other.wait()
    hold_folder(tmp_path).close()


def test_a_taken_port_names_the_port_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartRefused, match=rf"Port {port} .*already in use.*--port {port + 1}"):
            open_listening_socket("127.0.0.1", port)


def test_a_foreign_address_is_refused_with_the_option() -> None:
    with pytest.raises(StartRefused, match=r"192\.0\.2\.1 is no address of this machine.*--host"):
        open_listening_socket("192.0.2.1", 8000)


def test_a_name_that_means_nothing_is_refused() -> None:
    with pytest.raises(StartRefused, match="--host"):
        open_listening_socket("no.such.host.invalid", 8000)


def test_the_socket_listens_at_once_and_the_port_is_reusable_after_it() -> None:
    with open_listening_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            pass
    open_listening_socket("127.0.0.1", port).close()


def test_the_network_address_is_one_of_this_machine() -> None:
    address = find_lan_address()
    if address is None:
        pytest.skip("this machine has no network")
    open_listening_socket(address, 0).close()


def test_manage_py_tells_an_old_python_what_to_install() -> None:
    source = Path("manage.py").read_text(encoding="utf-8")
    old = source.replace("sys.version_info[:2]", "(3, 9)")
    finished = subprocess.run([sys.executable, "-c", old, "up"], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "3.11 or 3.12; this is 3.9. Install python3.12" in finished.stderr
