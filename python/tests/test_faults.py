"""Faults, the journal and the clock."""

import http.client

import pytest
from bulk import ask, manifest, patients, read, rows, status

from fhirlite import FhirliteError, Requests, Server


def test_a_download_is_cut_once(fhirlite):
    fhirlite.add(*patients("a"))
    with fhirlite.faults("file: cut_bytes=10; times=1"):
        [file] = manifest(fhirlite.fhir_url)["output"]
        with pytest.raises(http.client.IncompleteRead):
            ask(file["url"])
        assert ask(file["url"])[0] == 200
    assert fhirlite.requests("GET", "*.ndjson") == 2


def test_a_rule_may_be_an_object(fhirlite):
    with fhirlite.faults({"at": "metadata", "status": 503, "times": 1}):
        assert status(f"{fhirlite.fhir_url}/metadata") == 503
        assert status(f"{fhirlite.fhir_url}/metadata") == 200


def test_several_rules_are_in_force(fhirlite):
    fhirlite.add(*patients("a"))
    with fhirlite.faults("metadata: status=500", "read: status=404"):
        assert status(f"{fhirlite.fhir_url}/metadata") == 500
        assert status(f"{fhirlite.fhir_url}/Patient/a") == 404


def test_the_earlier_rules_come_back(fhirlite):
    url = f"{fhirlite.fhir_url}/metadata"
    with fhirlite.faults("metadata: status=500"):
        with fhirlite.faults("metadata: status=503"):
            assert status(url) == 503
            with fhirlite.faults():
                assert status(url) == 200
        assert status(url) == 500
    assert status(url) == 200


def test_rules_end_by_an_error_too(fhirlite):
    with pytest.raises(KeyError), fhirlite.faults("metadata: status=500"):
        raise KeyError
    assert status(f"{fhirlite.fhir_url}/metadata") == 200


def test_rules_without_a_block_stay(fhirlite):
    fhirlite.faults("metadata: status=500")
    assert status(f"{fhirlite.fhir_url}/metadata") == 500


def test_rules_from_the_start(fhirlite_factory):
    server = fhirlite_factory(faults=["metadata: status=500", {"at": "search", "status": 503}])
    assert status(f"{server.fhir_url}/metadata") == 500
    assert status(f"{server.fhir_url}/Patient") == 503


def test_one_rule_from_the_start_needs_no_list(fhirlite_factory):
    server = fhirlite_factory(faults="metadata: status=500")
    assert status(f"{server.fhir_url}/metadata") == 500


def test_a_wrong_rule_is_refused_with_the_reason(fhirlite):
    with pytest.raises(FhirliteError, match='"bon" is no member of a rule'):
        fhirlite.faults("file: bon")
    with pytest.raises(FhirliteError, match='"bon" is no member of a rule'):
        Server(faults=["file: bon"])


def test_a_job_takes_as_many_polls_as_asked(fhirlite):
    fhirlite.add(*patients("a"))
    with fhirlite.faults("status: polls=3"):
        assert rows(fhirlite.fhir_url) == ["Patient/a"]
    assert [each["status"] for each in fhirlite.requests("GET", "*/jobs/*") if ".ndjson" not in each["path"]] == [202, 202, 202, 200]


def test_a_base_has_rules_of_its_own(fhirlite):
    base = fhirlite.url_with("metadata: status=500; times=1")
    assert status(f"{fhirlite.fhir_url}/metadata") == 200
    assert status(f"{base}/metadata") == 500
    assert status(f"{base}/metadata") == 200


def test_bases_with_names_do_not_share_counts(fhirlite):
    one, two = (fhirlite.url_with("metadata: status=500; times=1", name=name) for name in ("one", "two"))
    assert [status(f"{base}/metadata") for base in (one, two, one, two)] == [500, 500, 200, 200]


def test_an_export_below_a_base_stays_there(fhirlite):
    fhirlite.add(*patients("a"))
    base = fhirlite.url_with("file: status=503; times=1")
    [file] = manifest(base)["output"]
    assert file["url"].startswith(base)
    assert [status(file["url"]) for _ in range(2)] == [503, 200]


def test_requests_are_found_and_counted(fhirlite):
    for path in ("/metadata", "/Patient/a", "/Patient/b"):
        status(fhirlite.fhir_url + path)
    assert fhirlite.requests() == 3
    assert fhirlite.requests("GET", "*/Patient/*") == 2
    assert fhirlite.requests("POST") == 0
    assert fhirlite.requests(path="*/metadata")[0]["status"] == 200
    assert fhirlite.requests() != 2
    fhirlite.clear_requests()
    assert fhirlite.requests() == []


def test_requests_show_themselves(fhirlite):
    assert repr(fhirlite.requests()) == "0 requests"
    with fhirlite.faults("search: status=500; times=1"):
        status(f"{fhirlite.fhir_url}/Patient?_count=1")
    text = "1 request:\n  GET /fhir/Patient?_count=1 500  (search: times=1; status=500)"
    assert repr(fhirlite.requests()) == text


def test_requests_compare_as_lists_and_as_numbers():
    assert Requests([1]) == [1] and Requests([1]) != [2] and Requests([1]) != "1"
    assert Requests([1]) == 1 and not Requests([1]) != 1


def test_a_journal_has_no_secrets(fhirlite):
    read(f"{fhirlite.fhir_url}/metadata", token="a-secret")
    [request] = fhirlite.requests()
    assert "authorization" in request["headers"] and "a-secret" not in str(request)


def test_the_clock_ends_jobs(fhirlite_factory):
    server = fhirlite_factory(*patients("a"), arguments=["--job-ttl", "1h"])
    [file] = manifest(server.fhir_url)["output"]
    assert status(file["url"]) == 200
    server.clock(3601)
    assert status(file["url"]) in (404, 410)
