"""Exports that take their time, redirects, and manifests."""

import datetime
import json

from wire import ROWS, Server


def polls_before_the_manifest():
    with Server() as server:
        server.rules({"at": "status", "polls": 3})
        one, other = server.job(), server.job()
        for job in (one, other):
            answers = [server.get(job) for _ in range(5)]
            assert [answer.status for answer in answers] == [202, 202, 202, 200, 200]
            assert all(answer.header("Retry-After") == "1" for answer in answers[:3])


def seconds_before_the_manifest():
    with Server() as server:
        server.rules("status: seconds=5")
        job = server.job()
        assert server.get(job).status == 202
        server.ask("PUT", "/clock", body='{"advance": 4.9}')
        assert server.get(job).status == 202
        server.ask("PUT", "/clock", body='{"advance": 0.2}')
        assert server.get(job).status == 200


def progress(form):
    with Server() as server:
        server.rules(f"status: polls=4; progress={form}")
        job = server.job()
        return [server.get(job).header("X-Progress") for _ in range(4)]


def progress_absent():
    assert progress("absent") == [None] * 4


def progress_in_percent():
    assert progress("percent") == ["0%", "25%", "50%", "75%"]


def progress_as_text():
    assert all(text and "%" not in text for text in progress("text"))


def progress_beyond_100():
    assert all(int(text.rstrip("%")) > 100 for text in progress("beyond"))


def progress_backwards():
    values = [int(text.rstrip("%")) for text in progress("backwards")]
    assert values == sorted(values, reverse=True) and len(set(values)) == 4


def a_job_that_fails_after_polls():
    with Server() as server:
        server.rules("status: polls=2; status=500")
        job = server.job()
        assert [server.get(job).status for _ in range(4)] == [202, 202, 500, 500]


def a_job_gone_after_polls():
    with Server() as server:
        server.rules("status: gone_after=2")
        job = server.job()
        assert [server.get(job).status for _ in range(4)] == [200, 200, 404, 404]
        assert server.get(server.job()).status == 200


def a_file_gone_after_a_read():
    with Server() as server:
        server.rules("file: gone_after=1")
        for kind in ("Patient", "Observation"):
            url = server.file_url(kind=kind)
            assert [server.get(url).status for _ in range(2)] == [200, 404]


def kick_off_without_a_content_location():
    with Server() as server:
        server.rules("kickoff: content_location=absent")
        answer = server.kick_off()
        assert (answer.status, answer.header("Content-Location")) == (202, None)


def kick_off_with_a_relative_content_location():
    with Server() as server:
        server.rules("kickoff: content_location=relative")
        location = server.kick_off().header("Content-Location")
        assert location.startswith("/fhir/jobs/") and server.get(location).status == 200


def kick_off_with_a_foreign_content_location():
    with Server() as server:
        server.rules("kickoff: content_location=foreign")
        location = server.job()
        assert location.startswith(f"http://localhost:{server.port}/fhir/jobs/")
        assert server.get(location).status == 200


def a_redirect_to_another_host():
    with Server() as server:
        url = server.file_url()
        server.rules("file: redirect=foreign")
        # The other name leads to the same machine, and there is the file.
        first = server.get(url)
        assert (first.status, first.reason) == (302, "Found")
        assert first.header("Location") == url.replace("127.0.0.1", "localhost")
        assert server.get(first.header("Location")).status == 200


def a_redirect_loop():
    with Server() as server:
        url = server.file_url()
        server.rules("file: redirect=loop; status=307")
        for _ in range(3):
            answer = server.get(url)
            assert (answer.status, answer.reason, answer.header("Location")) == (307, "Temporary Redirect", url)


def a_redirect_to_a_path():
    with Server() as server:
        url = server.file_url()
        server.rules("file: redirect=relative; status=308")
        answer = server.get(url)
        assert (answer.status, answer.reason) == (308, "Permanent Redirect")
        assert answer.header("Location") == url.removeprefix(server.url)


def manifest(rule, query=""):
    with Server() as server:
        plain = server.manifest(query=query)
        server.rules(rule)
        answer = server.get(server.job(query=query))
        assert answer.status == 200 and answer.fault, answer.body
        found = answer.json()
        files = [server.get(entry["url"]) for entry in found.get("output", []) if entry["url"].startswith("http")]
        return plain, found, files


def manifests_without_error():
    plain, found, _ = manifest("status: drop=error")
    assert "error" in plain and found.keys() == plain.keys() - {"error"}


def manifests_without_request():
    plain, found, _ = manifest("status: drop=request")
    assert found.keys() == plain.keys() - {"request"}


def manifests_without_output():
    plain, found, _ = manifest("status: drop=output")
    assert found.keys() == plain.keys() - {"output"}


def manifests_without_other_members():
    plain, found, _ = manifest("status: drop=transactionTime,requiresAccessToken,deleted,link")
    assert found.keys() == plain.keys() - {"transactionTime", "requiresAccessToken"}


def manifests_with_extra_keys():
    plain, found, _ = manifest("status: extra")
    assert plain.keys() < found.keys() and {"extension", "vendorNote"} <= found.keys()
    assert all(entry["vendorHash"] for entry in found["output"])


def manifests_with_a_count_as_text():
    _, found, _ = manifest("status: count=text")
    assert [entry["count"] for entry in found["output"]] == [str(ROWS)] * 2


def manifests_without_a_count():
    _, found, _ = manifest("status: count=absent")
    assert all("count" not in entry for entry in found["output"])


def counts_too_low_and_too_high():
    for offset in (-1, 5):
        _, found, files = manifest({"at": "status", "count_offset": offset})
        assert [entry["count"] for entry in found["output"]] == [ROWS + offset] * 2
        assert [len(file.lines()) for file in files] == [ROWS] * 2


def transaction_time(form):
    return manifest(f"status: transaction_time={form}")[1]["transactionTime"]


def a_transaction_time_that_is_none():
    for form in ("junk", "empty"):
        try:
            datetime.datetime.fromisoformat(transaction_time(form))
        except ValueError:
            continue
        raise AssertionError(form)


def a_transaction_time_without_a_time_or_a_zone():
    assert len(transaction_time("date")) == 10
    local = transaction_time("local")
    assert "T" in local and datetime.datetime.fromisoformat(local).tzinfo is None


def a_transaction_time_of_another_age():
    assert transaction_time("epoch") == "1970-01-01T00:00:00Z"
    assert transaction_time("future").startswith("2999-")


def relative_urls_in_a_manifest():
    _, found, _ = manifest("status: urls=relative")
    assert all(entry["url"].startswith("/fhir/jobs/") for entry in found["output"])


def foreign_urls_in_a_manifest():
    _, found, files = manifest("status: urls=foreign")
    assert all(entry["url"].startswith("http://localhost:") for entry in found["output"])
    assert [file.status for file in files] == [200, 200]


def duplicate_urls_in_a_manifest():
    plain, found, _ = manifest("status: urls=duplicate")
    assert found["output"] == plain_of(found, plain) * 2


def plain_of(found, plain):
    """The entries of a manifest under the URLs of another job."""
    there, here = [entry[0]["url"].rsplit("/", 1)[0] for entry in (found["output"], plain["output"])]
    return [{**entry, "url": entry["url"].replace(here, there)} for entry in plain["output"]]


def several_files_of_a_type():
    for rule, number in (("status: files=3", 3), ("status: rows_per_file=2", 5)):
        plain, found, files = manifest(rule)
        assert len(found["output"]) == 2 * number
        assert len({entry["url"] for entry in found["output"]}) == 2 * number
        assert [entry["count"] for entry in found["output"]] == [len(file.lines()) for file in files]
        ids = [line for file in files for line in file.lines()]
        assert len(ids) == len(set(ids)) == 2 * ROWS


def an_empty_manifest():
    _, found, _ = manifest("status: empty")
    assert found["output"] == []


def a_manifest_in_pages():
    with Server() as server:
        server.rules("status: files_per_page=1")
        page = server.manifest()
        types = [page["output"][0]["type"]]
        while "link" in page:
            page = server.get(page["link"][0]["url"]).json()
            types += [entry["type"] for entry in page["output"]]
        assert types == ["Observation", "Patient"]


def pages_without_end():
    with Server() as server:
        server.rules("status: pages=endless")
        page, seen = server.manifest(), set()
        assert len(page["output"]) == 2
        for _ in range(30):
            assert page["link"][0]["relation"] == "next"
            seen.add(page["link"][0]["url"])
            page = server.get(page["link"][0]["url"]).json()
            assert page["output"] == []
        assert len(seen) == 30


def a_page_whose_next_is_itself():
    with Server() as server:
        server.rules("status: pages=loop")
        page = server.manifest()
        again = server.get(page["link"][0]["url"]).json()
        assert again["link"] == page["link"] and again["output"] == page["output"]


def some_files_failed():
    with Server() as server:
        server.rules("status: keep_every=2")
        page = server.manifest()
        assert (len(page["output"]), len(page["error"])) == (1, 1)
        failed = [line for line in server.get(page["error"][0]["url"]).lines()]
        assert len(failed) == 1 and '"severity":"error"' in failed[0]


def outcomes_of_each_severity():
    with Server() as server:
        server.rules("status: fatals=1; errors=2; warnings=3; informations=4")
        page = server.manifest()
        assert [(entry["type"], entry["count"]) for entry in page["error"]] == [("OperationOutcome", 10)]
        text = server.get(page["error"][0]["url"]).body.decode()
        found = [text.count(f'"severity":"{name}"') for name in ("fatal", "error", "warning", "information")]
        assert found == [1, 2, 3, 4]


def outcomes_in_a_manifest_of_the_ballot():
    with Server() as server:
        server.rules("status: warnings=1")
        started = server.ask("POST", "/fhir/$export-v4", ("Prefer", "respond-async"))
        page = server.get(started.header("Content-Location")).json()
        assert "error" not in page and len(page["outcome"]) == 1


def deleted_ids():
    with Server() as server:
        server.rules("status: deleted=Patient/a,Group/b")
        page = server.manifest()
        assert [(entry["type"], entry["count"]) for entry in page["deleted"]] == [("Bundle", 2)]
        lines = server.get(page["deleted"][0]["url"]).lines()
        assert ['"url":"Patient/a"' in lines[0], '"url":"Group/b"' in lines[1]] == [True, True]
        assert all('"method":"DELETE"' in line for line in lines)


def a_share_of_rows_is_deleted():
    with Server() as server:
        server.rules("status: deleted_percent=20")
        assert "deleted" not in server.manifest()
        page = server.manifest(query="?_since=2020-01-01T00:00:00Z")
        assert [entry["count"] for entry in page["deleted"]] == [2, 2]
        assert [entry["count"] for entry in page["output"]] == [8, 8]
        gone = server.get(page["deleted"][0]["url"]).lines()
        assert len(gone) == 2 and all('"method":"DELETE"' in line for line in gone)


def the_manifest_of_1uphealth():
    with Server() as server:
        server.rules("status: files=2; drop=requiresAccessToken", "kickoff: cut_bytes=900000")
        answer = server.get("/bulk-data/r4/$export")
        page = answer.json()
        assert len(page["output"]) == 2 and "requiresAccessToken" not in page, page
        server.rules("kickoff: status=503; times=1")
        assert [server.get("/bulk-data/r4/$export").status for _ in range(2)] == [503, 200]


def copies_of_each_row():
    lines = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Basic", "id": "b", "subject": {"reference": "Patient/p"}},
             {"resourceType": "Basic", "id": "c"}]
    with Server(lines=lines) as server:
        plain = {kind: server.plain(kind).decode().splitlines() for kind in ("Patient", "Basic")}
        server.rules("status: copies=3", "status: rows_per_file=4")
        rows = {"Patient": [], "Basic": []}
        output = server.manifest()["output"]
        for entry in output:
            answer = server.get(entry["url"])
            assert answer.whole and len(answer.lines()) == entry["count"]
            rows[entry["type"]] += answer.lines()
        assert sorted(entry["count"] for entry in output) == [2, 3, 4]
        for kind, name in (("Patient", "p"), ("Basic", "b")):
            for number, prefix in enumerate(("", "o1-", "o2-")):
                expected = plain[kind][0].replace(f'"id": "{name}"', f'"id": "{prefix}{name}"').replace("Patient/p", f"Patient/{prefix}p")
                assert rows[kind][number] == expected
        ids = [json.loads(row)["id"] for kind in rows for row in rows[kind]]
        assert len(ids) == len(set(ids)) == 9
        # The store has what it had.
        assert server.get("/fhir/Basic").json()["total"] == 2


def a_share_of_copies_is_deleted_in_pages():
    with Server() as server:
        server.rules("status: copies=2", "status: deleted_percent=30", "status: rows_per_file=6")
        page = server.manifest(query="?_since=2020-01-01T00:00:00Z&_type=Patient")
        gone = [json.loads(line)["entry"][0]["request"]["url"] for entry in page["deleted"] for line in server.get(entry["url"]).lines()]
        kept = [f"Patient/{json.loads(line)['id']}" for entry in page["output"] for line in server.get(entry["url"]).lines()]
        assert [entry["count"] for entry in page["output"]] == [6, 6, 2] and len(gone) == 6
        expected = {f"Patient/{prefix}p{number}" for prefix in ("", "o1-") for number in range(ROWS)}
        assert set(gone) | set(kept) == expected and len(gone) + len(kept) == len(expected)
