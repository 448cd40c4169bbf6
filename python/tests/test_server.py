"""The process: its start, its end, its options, what it says."""

import os
import subprocess
import sys

import pytest
from bulk import manifest, patients, read, rows, status

from fhirlite import FhirliteError, Server


def has_ended(pid):
    """True also for a process that has ended and that nobody has waited for."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] in ("", "Z")


def test_it_starts_and_ends():
    with Server() as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert read(f"{server.url}/health")
        assert not has_ended(server.pid)
    assert has_ended(server.pid)


def test_stop_gives_the_exit_code_and_can_be_called_twice():
    server = Server()
    assert server.stop() == 0
    assert server.stop() == 0


def test_it_ends_when_its_block_ends_by_an_error():
    with pytest.raises(KeyError), Server() as server:
        raise KeyError
    assert has_ended(server.pid)


def test_it_ends_with_a_parent_that_dies():
    code = "import fhirlite, os; print(fhirlite.Server().pid, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -9
    assert any(has_ended(int(done.stdout)) for _ in range(10_000))


def test_an_interrupt_at_the_terminal_does_not_reach_it(fhirlite):
    assert os.getpgid(fhirlite.pid) != os.getpgid(0)


def test_the_urls_answer(fhirlite):
    assert read(f"{fhirlite.fhir_url}/metadata")["resourceType"] == "CapabilityStatement"
    assert status(f"{fhirlite.oneup_url}/$export") == 200
    # The token endpoint wants a form.
    assert status(fhirlite.token_url, method="POST", body=b"") == 400


def test_many_servers_at_once_have_ports_of_their_own():
    servers = [Server() for _ in range(5)]
    assert len({server.port for server in servers}) == 5
    assert [server.stop() for server in servers] == [0] * 5


def test_it_begins_empty(fhirlite):
    assert fhirlite.store == ":memory:"
    assert rows(fhirlite.fhir_url) == []


def test_it_begins_with_resources_and_files(tmp_path):
    (tmp_path / "b.ndjson").write_text('{"resourceType":"Patient","id":"b"}\n')
    with Server(*patients("a"), tmp_path / "b.ndjson") as server:
        assert rows(server.fhir_url) == ["Patient/a", "Patient/b"]


def test_it_serves_a_copy_of_a_store(tmp_path):
    path = tmp_path / "s.db"
    (tmp_path / "a.json").write_text('{"resourceType":"Patient","id":"a"}')
    subprocess.run([sys.executable, "-m", "fhirlite", "import", path, tmp_path / "a.json"], check=True)
    before = path.read_bytes()
    with Server(store=path) as server:
        assert server.store == str(path)
        server.add(*patients("b"))
        assert rows(server.fhir_url) == ["Patient/a", "Patient/b"]
        server.reset()
        assert rows(server.fhir_url) == ["Patient/a"]
    assert path.read_bytes() == before


def test_further_arguments_reach_the_program():
    with Server(arguments=["--access-log"]) as server:
        read(f"{server.fhir_url}/metadata")
    # A line of the log comes after its answer.
    assert "/fhir/metadata" in server.log


def test_a_seed_fixes_the_ids_of_jobs():
    def job():
        with Server(*patients("a"), seed=7) as server:
            manifest(server.fhir_url)
            return server.requests("GET")[-1]["path"]

    assert job() == job()


def test_the_log_is_there_during_and_after(fhirlite):
    assert "SIMULATION" in fhirlite.log
    fhirlite.stop()
    assert "SIMULATION" in fhirlite.log


def test_what_is_wrong_at_the_start_is_said(tmp_path):
    with pytest.raises(FhirliteError, match=r"exit code \d+\n(.|\n)*none\.ndjson"):
        Server(tmp_path / "none.ndjson")
    with pytest.raises(FhirliteError, match="--no-such-option"):
        Server(arguments=["--no-such-option"])


def program(tmp_path, monkeypatch, script):
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("FHIRLITE_BINARY", str(path))


def test_a_program_that_says_something_else_is_an_error(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "echo listening")
    with pytest.raises(FhirliteError, match="said 'listening' instead"):
        Server()


def test_a_program_that_is_never_ready_is_ended(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "echo waiting >&2; exec cat")
    with pytest.raises(FhirliteError, match=r"not ready within 0\.2 s"):
        Server(timeout=0.2)


def test_a_program_that_does_not_end_is_killed(tmp_path, monkeypatch):
    ready = '{"url":"http://127.0.0.1:1","port":1,"pid":1}'
    program(tmp_path, monkeypatch, f"echo '{ready}'; exec tail -f /dev/null")
    assert Server(timeout=0.2).stop() == -9


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Server(*patients("a"), faults=["file: bom"]):
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_a_server_that_is_gone_is_an_error():
    server = Server()
    server.stop()
    with pytest.raises(FhirliteError, match="GET /requests: the server does not answer"):
        server.requests()


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Server() as server:
        assert server.requests() == 0
