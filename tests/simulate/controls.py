"""Control routes, rules in paths, the SMART launcher's URLs, seeds, and how the process begins and ends."""

import base64
import json
import os
import signal
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from wire import HANG, ROWS, Answer, Server


def rules_are_put_got_and_deleted():
    with Server() as server:
        assert server.get("/faults").json() == []
        server.rules("file: bom", {"at": "status", "polls": 1})
        assert server.get("/faults").json() == [{"at": "file", "bom": True}, {"at": "status", "polls": 1}]
        for body in ('{"at":"file","bon":true}', "file: bon", '[{"at":"file","bom":true},{"at":"somewhere","bom":true}]', "nothing"):
            refused = server.ask("PUT", "/faults", body=body)
            assert refused.status == 400 and refused.issue()["diagnostics"], body
        assert '"bon"' in server.ask("PUT", "/faults", body='{"at":"file","bon":true}').issue()["diagnostics"]
        assert len(server.get("/faults").json()) == 2
        assert server.ask("PUT", "/faults", body="file: crlf\n# a remark\nstatus: polls=2\n").status == 204
        assert len(server.get("/faults").json()) == 2
        assert server.ask("DELETE", "/faults").status == 204
        assert server.get("/faults").json() == []


def rules_from_a_file():
    with Server(faults="# a remark\n\nsearch: status=500\n") as server:
        assert server.get("/fhir/Patient").status == 500
        server.ask("DELETE", "/faults")
        assert server.get("/fhir/Patient").status == 200
        # A reset brings the rules of the start back.
        assert server.ask("POST", "/reset").status == 204
        assert server.get("/fhir/Patient").status == 500


def wrong_rules_in_a_file_are_told_before_anything_is_served():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/wrong.txt", "w", encoding="utf-8") as file:
            file.write("\nfile: bon\n")
        command = [os.environ["FHIRLITE"], "serve", ":memory:", "--simulate", "--listen", "0", "--faults"]
        for name, code, word in (("wrong.txt", 2, "line 2: \"bon\""), ("none.txt", 3, "none.txt")):
            ran = subprocess.run([*command, name], cwd=folder, capture_output=True, text=True, timeout=HANG)
            assert (ran.returncode, ran.stdout) == (code, "") and word in ran.stderr, ran.stderr
            assert name in ran.stderr
        # Without --simulate the option means nothing.
        ran = subprocess.run([*command[:3], "--faults", "wrong.txt"], cwd=folder, capture_output=True, text=True, timeout=HANG)
        assert ran.returncode == 2 and "--simulate" in ran.stderr


def a_rule_is_named_in_the_changed_answer_alone():
    with Server() as server:
        server.rules("read: status=404; times=1; type=Patient")
        assert server.get("/fhir/Observation/o1").fault is None
        assert server.get("/fhir/Patient/p1").fault == "read: type=Patient; times=1; status=404"
        assert server.get("/fhir/Patient/p1").fault is None
        assert server.get("/faults").fault is None and server.get("/health").fault is None


def control_routes_say_their_methods():
    with Server() as server:
        for path, methods in (("/faults", "GET, PUT, DELETE, OPTIONS"), ("/requests", "GET, DELETE, OPTIONS"),
                              ("/reset", "POST, OPTIONS"), ("/clock", "PUT, OPTIONS"), ("/import", "POST, OPTIONS"),
                              ("/sample", "POST, OPTIONS"), ("/clients", "POST, OPTIONS"), ("/users", "POST, OPTIONS")):
            wrong = server.ask("PATCH", path)
            assert (wrong.status, wrong.header("Allow")) == (405, methods)
            asked = server.ask("OPTIONS", path)
            assert (asked.status, asked.header("Allow")) == (204, methods)


def manual():
    """The lines of docs/simulate.md."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "simulate.md")
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def the_manual_has_every_control_route():
    lines = manual()
    section = lines[lines.index("## Control routes"):lines.index("### Clients and users")]
    rows = [line for line in section if line.startswith("| `")]
    described = {tuple(route.split(" ")) for row in rows for route in row.split(" | ")[0].split("`")[1::2]}
    with Server() as server:
        paths = {path for _, path in described}
        served = {(method, path) for path in paths for method in server.ask("OPTIONS", path).header("Allow").split(", ")}
        assert described == {(method, path) for method, path in served if method != "OPTIONS"}


def every_rule_of_the_manual_changes_an_answer():
    rules = [line.split("`")[1] for line in manual() if line.startswith("| `") and "`<br>`" in line]
    assert len(rules) > 80
    form = ("Content-Type", "application/x-www-form-urlencoded")
    bearer = ("Authorization", "Bearer x")

    def answers(server, base, place):
        """Answers at a place; those about the job of an export come one after the other."""
        if place in ("token", "metadata", "read", "search"):
            path = {"metadata": "metadata", "read": "Patient/p1", "search": "Patient"}.get(place)
            for _ in range(20):
                yield server.get(f"{base}/fhir/{path}") if path else server.ask("POST", f"{base}/fhir/oauth2/token", form, body="a=b")
            return
        yield (started := server.kick_off(base=base, query="?_since=2020-01-01T00:00:00Z"))
        if place == "kickoff":
            return
        job = started.header("Content-Location")
        for _ in range(3):
            yield (status := server.get(job))
        if place == "file":
            for entry in status.json()["output"]:
                for _ in range(4):
                    # A body that comes slowly, breaks off or stalls is another test's.
                    connection = server.connection()
                    connection.send("GET", entry["url"], [bearer, ("Accept-Encoding", "gzip")])
                    head = connection.until(b"\r\n\r\n").decode().split("\r\n")
                    yield Answer(0, "", [tuple(line.split(": ", 1)) for line in head[1:]], connection)
        if place == "delete":
            yield server.ask("DELETE", job)

    with Server() as server:
        for number, rule in enumerate(rules):
            base = f"/{server.segment({'faults': [rule], 'number': number})}"
            notes = {answer.fault for answer in answers(server, base, rule.split(":")[0])} - {None}
            parts = {note.split(": ", 1)[1] for note in notes - {"expired"}}
            said = set(rule.split(": ", 1)[1].replace("cut=close", "").split("; "))
            assert any(set(part.split("; ")) == said for part in parts), (rule, notes)


def without_simulate_there_is_nothing_of_it():
    with Server(simulate=False) as server:
        for path in ("/faults", "/requests", "/reset", "/clock", "/import", "/sample", "/clients", "/users"):
            for method in ("GET", "PUT", "POST", "DELETE"):
                assert server.ask(method, path).status == 404, path
        segment = server.segment([{"at": "kickoff", "status": 503}])
        assert server.get(f"/{segment}/fhir/metadata").status == 404
        assert server.get("/fhir/metadata").fault is None
        assert "SIMULATION" not in server.said()


def the_start_says_loudly_that_it_simulates():
    with Server() as server:
        assert "SIMULATION" in server.said()


def only_this_machine_is_served():
    command = [os.environ["FHIRLITE"], "serve", ":memory:", "--simulate", "--insecure", "--listen"]
    for place in ("0.0.0.0:0", "[::]:0"):
        ran = subprocess.run([*command, place], capture_output=True, text=True, timeout=HANG)
        assert ran.returncode == 2 and "127.0.0.1" in ran.stderr, ran.stderr


def the_journal_has_each_request():
    with Server() as server:
        job = server.job()
        url = server.get(job).json()["output"][0]["url"]
        body = server.get(url, ("X-Test", "a")).body
        server.rules("file: cut_bytes=10; times=1")
        server.get(url)
        server.ask("HEAD", url)
        server.get("/nowhere?a=b")
        kick_off, status, file, cut, head, nothing = server.requests()
        assert kick_off["method"] == "GET" and kick_off["path"] == "/fhir/$export" and kick_off["headers"]["prefer"] == "respond-async"
        assert server.url + status["path"] == job and status["status"] == 200
        assert server.url + file["path"] == url and file["bytes"] == len(body) and file["headers"]["x-test"] == "a"
        assert (cut["bytes"], cut["fault"]) == (10, "file: times=1; cut_bytes=10")
        assert (head["method"], head["bytes"]) == ("HEAD", 0)
        assert (nothing["status"], nothing["path"], nothing["query"]) == (404, "/nowhere", "a=b")
        times = [each["time"] for each in (kick_off, status, file, cut, head, nothing)]
        assert times == sorted(times)
        assert server.ask("DELETE", "/requests").status == 204
        assert server.requests() == []


def a_request_is_listed_once_its_answer_is_there():
    with Server() as server:
        url = server.file_url()
        for number in range(60):
            length = len(server.get(url).body)
            last = server.requests()[-1]
            assert server.url + last["path"] == url and last["bytes"] == length


def requests_that_are_refused_unread_are_listed_too():
    with Server("--max-head", "2000") as server:

        def listed(count):
            # These alone are listed a moment after their answers.
            for _ in range(3000):
                statuses = [each["status"] for each in server.requests()]
                if len(statuses) == count:
                    break
            return statuses

        long = server.get("/fhir/Patient", ("X-Long", "x" * 3000))
        assert long.status == 431
        assert listed(1) == [431]
        refused = server.ask("GET", "/fhir/Patient", ("Host", "a"), ("Host", "b"))
        assert refused.status == 400
        assert listed(2) == [431, 400]


def secrets_are_hidden():
    with Server() as server:
        server.get("/fhir/Patient?access_token=one", ("Authorization", "Bearer two"), ("client_secret", "three"), ("Cookie", "a=four"))
        headers = server.requests()[0]["headers"]
        assert (headers["authorization"], headers["client_secret"], headers["cookie"]) == ("Bearer …", "…", "…")
        text = server.get("/requests").body.decode()
        assert not any(secret in text for secret in ("one", "two", "three", "four"))


def import_takes_an_array_and_lines():
    with Server() as server:
        for number, body in enumerate((
            '[{"resourceType":"Patient","id":"x0"},\n {"resourceType":"Basic",\n "id":"b"}]',
            '{"resourceType":"Patient","id":"x1"}\n{"resourceType":"Patient","id":"y"}\n',
            '{"resourceType":"Patient",\n"id":"x2"}',
        )):
            answer = server.ask("POST", "/import", body=body)
            assert answer.status == 200 and answer.json()["created"] >= 1, answer.body
            assert server.get(f"/fhir/Patient/x{number}").status == 200
        assert len(server.file(kind="Patient").lines()) == ROWS + 4


def import_deletes_by_a_bundle():
    with Server() as server:
        entry = {"request": {"method": "DELETE", "url": "Patient/p1"}}
        body = json.dumps([{"resourceType": "Bundle", "type": "transaction", "entry": [entry]}])
        assert server.ask("POST", "/import", body=body).json()["deleted"] == 1
        assert server.get("/fhir/Patient/p1").status == 410
        assert len(server.file(kind="Patient").lines()) == ROWS - 1


def import_takes_all_or_nothing():
    with Server() as server:
        for body in ('[{"resourceType":"Patient","id":"x"},{"resourceType":"Patient","id":"y y"}]', "[]", "", "{}", "[1]", "no"):
            refused = server.ask("POST", "/import", body=body)
            assert refused.status == 400 and refused.issue()["diagnostics"], (body, refused.body)
        assert server.get("/fhir/Patient/x").status == 404


def reset_puts_everything_back():
    with Server("--job-ttl", "60s") as server:
        before = server.plain()
        assert server.ask("POST", "/import", body='[{"resourceType":"Patient","id":"x"}]').status == 200
        server.rules("file: bom", "read: status=500")
        server.ask("PUT", "/clock", body='{"advance": 100000}')
        job = server.job()
        assert len(server.file(kind="Patient").lines()) == ROWS + 1
        assert server.ask("POST", "/reset").status == 204
        assert server.get("/faults").json() == [] and server.requests() == []
        assert server.get(job).status == 404 and server.get("/fhir/Patient/x").status == 404
        assert server.file().body == before
        again = server.manifest()
        assert again["transactionTime"] < server.ask("PUT", "/clock", body='{"advance": 1000}').json()["time"]


def a_download_under_way_outlives_a_reset():
    lines = [{"resourceType": "Patient", "id": f"p{number}", "name": [{"text": "x" * 1000}]} for number in range(20000)]
    with Server(lines=lines) as server:
        url = server.file_url()
        connection = server.connection()
        connection.send("GET", url)
        head = connection.until(b"\r\n\r\n")
        assert server.ask("POST", "/reset").status == 204
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        assert connection.exactly(length).count(b"\n") == len(lines)


def the_clock_ends_jobs_and_tokens():
    with Server("--job-ttl", "60s", "--auth", "required") as server:
        bearer = server.bearer()
        job = server.job(bearer)
        server.ask("PUT", "/clock", body='{"advance": 59}')
        assert server.get(job, bearer).status == 200
        server.ask("PUT", "/clock", body='{"advance": 2}')
        assert server.get(job, bearer).status == 404
        server.ask("PUT", "/clock", body='{"advance": 90000}')
        assert server.get("/fhir/Patient/p1", bearer).status == 401
        for wrong in ("", "{}", '{"advance": -1}', '{"advance": "1"}', '{"ahead": 1}'):
            assert server.ask("PUT", "/clock", body=wrong).status == 400, wrong


def the_file_of_a_store_never_changes():
    with Server(simulate=False) as plain:
        path = os.path.join(plain.path, "s.db")
        subprocess.run([os.environ["FHIRLITE"], "import", "s.db", "in.ndjson"], cwd=plain.path, check=True, capture_output=True)
        with open(path, "rb") as file:
            before = file.read()
        with Server(store=path) as server:
            server.rules("status: polls=1", "file: crlf")
            server.ask("POST", "/import", body='[{"resourceType":"Patient","id":"x"}]')
            server.job()
            server.ask("PUT", "/clock", body='{"advance": 1000}')
            server.job()
            server.ask("POST", "/reset")
            assert server.get("/fhir/Patient/p1").status == 200
            assert sorted(name for name in os.listdir(plain.path) if name.startswith("s.db")) == ["s.db"]
        with open(path, "rb") as file:
            assert file.read() == before


def a_store_that_does_not_fit_in_memory_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s.db")
        command = [os.environ["FHIRLITE"], "import", "s.db", "-", "--quiet"]
        subprocess.run(command, cwd=folder, input=b'{"resourceType":"Patient","id":"a"}', check=True, capture_output=True)
        # A sparse file: the header has the size of a page (at 16) and the number of pages (at 28), and no page is free (at 36).
        # https://www.sqlite.org/fileformat.html#the_database_header
        with open(path, "r+b") as file:
            size = int.from_bytes(file.read(18)[16:], "big")
            pages = 5 * (1 << 29) // size
            for place, number in ((28, pages), (36, 0)):
                file.seek(place)
                file.write(number.to_bytes(4, "big"))
            file.truncate(pages * size)
        assert os.stat(path).st_blocks * 512 < 1 << 24 < 1 << 31 < os.path.getsize(path)
        command = [os.environ["FHIRLITE"], "serve", "s.db", "--simulate", "--listen", "0"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG)
        assert (ran.returncode, ran.stdout) == (7, "") and "s.db: is larger than 1 GiB" in ran.stderr, ran.stderr
        assert "SIMULATION" not in ran.stderr


def a_seed_fixes_ids_tokens_and_keys():
    def found(seed):
        with Server("--seed", seed, "--auth", "required") as server:
            bearer = server.bearer()
            first = server.job(bearer)
            server.get("/fhir/Patient/p1", bearer)
            second = server.job(bearer)
            entry = server.get("/bulk-data/r4/$export", bearer).json()["output"][0]["url"]
            server.ask("POST", "/reset")
            again = server.job(bearer)
            ids = [job.rsplit("/", 1)[1] for job in (first, second, again)]
            assert ids[0] != ids[1] and ids[2] == ids[0]
            return bearer, ids, entry.rsplit("/", 1)[1].split(".")[0]

    seven = found("7")
    assert found("7") == seven
    other = found("8")
    assert other[0] != seven[0] and not set(other[1]) & set(seven[1])


def two_tests_share_a_server_by_their_paths():
    with Server() as server:
        server.rules("search: status=500")
        rules = [{"at": "kickoff", "status": 429, "times": 1}, "status: polls=1"]
        one, other = [f"/{server.segment({'faults': rules, 'test': name})}" for name in ("one", "other")]
        for base in (one, other):
            assert server.kick_off(base=base).status == 429
            job = server.job(base=base)
            assert job.startswith(f"{server.url}{base}/fhir/jobs/")
            assert [server.get(job).status for _ in range(2)] == [202, 200]
            # The rules for all do not apply here.
            assert server.get(f"{base}/fhir/Patient").status == 200
        assert server.get("/fhir/Patient").status == 500
        paths = [each["path"] for each in server.requests()]
        assert f"{one}/fhir/$export" in paths and f"{other}/fhir/$export" in paths


def twenty_tests_share_a_server_at_once():
    rules = "status:polls=2|file:type=Patient;cut_rows=3;times=1|search:status=500;times=1"

    def test(number):
        base = f"/{rules.replace('|', '%7C')}%7Ctest-{number}"
        assert server.ask("POST", "/import", body=f'{{"resourceType":"Basic","id":"b{number}"}}').status == 200
        job = server.job(base=base)
        statuses = [server.get(job).status for _ in range(3)]
        url = next(entry["url"] for entry in server.get(job).json()["output"] if entry["type"] == "Patient")
        cut, whole = server.get(url), server.get(url)
        searches = [server.get(f"{base}/fhir/Patient").status for _ in range(2)]
        return statuses, cut.whole, len(cut.lines()), len(whole.lines()), searches

    with Server() as server, ThreadPoolExecutor(20) as pool:
        found = list(pool.map(test, range(20)))
        assert found == [([202, 202, 200], False, 3, ROWS, [500, 200])] * 20, found


def the_segment_is_in_every_url_of_the_server():
    with Server() as server:
        base = f"/{server.segment({'faults': ['status: files_per_page=1; errors=1'], 'test': 'a'})}"
        job = server.job(base=base)
        page = server.get(job).json()
        assert page["request"] == f"{server.url}{base}/fhir/$export"
        urls = [job, page["output"][0]["url"], page["error"][0]["url"], page["link"][0]["url"]]
        bundle = server.get(f"{base}/fhir/Patient?_count=2").json()
        urls += [link["url"] for link in bundle["link"]] + [entry["fullUrl"] for entry in bundle["entry"]]
        statement = server.get(f"{base}/fhir/metadata").json()
        urls.append(statement["implementation"]["url"])
        oneup = server.get(f"{base}/bulk-data/r4/$export").json()
        urls += [entry["url"] for entry in oneup["output"]] + [oneup["request"]]
        publish = server.get(f"{base}/fhir/$bulk-publish").json()
        urls += [entry["url"] for entry in publish["output"]]
        assert all(url.startswith(f"{server.url}{base}/") for url in urls), urls
        for url in urls:
            if "implementation" not in url and url != f"{server.url}{base}/fhir":
                assert server.get(url).status == 200, url


def a_short_form_in_the_path():
    with Server() as server:
        base = "/search:status=500;message=as%20asked;times=1%7Cstatus:polls=1%7Cmine"
        assert server.get(f"{base}/fhir/Patient").issue()["diagnostics"] == "as asked"
        assert server.get(f"{base.replace('mine', 'yours')}/fhir/Patient").status == 500
        assert server.get(f"{base}/fhir/Patient").status == 200
        job = server.job(base=base)
        assert job.startswith(f"{server.url}{base}/fhir/jobs/")
        assert [server.get(job).status for _ in range(2)] == [202, 200]
        assert server.requests()[-1]["path"] == job.removeprefix(server.url)
        for said in (["search: status=500"], {"at": "search", "status": 500}):
            assert server.get(f"/{server.segment(said)}/fhir/Patient").status == 500
        wrong = server.get(f"/{server.segment(['search: stat=500'])}/fhir/Patient")
        assert wrong.status == 400 and "the rules in the path" in wrong.issue()["diagnostics"]
        for segment in ("nothing", "e30x", server.segment(7)):
            assert server.get(f"/{segment}/fhir/Patient").status == 404


def launcher(said, base=""):
    """The path of a SMART launcher, whose settings are JSON as its page makes it."""
    text = json.dumps({"err": "", "page": 10000, "tlt": 15, "m": 1, "stu": 4, "del": 0, **said}, separators=(",", ":"))
    return "/" + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def the_launcher_key_err():
    with Server() as server:
        base = launcher({"err": "transient_error"})
        job = server.job(base=base)
        first = server.get(job)
        assert (first.status, first.issue()["code"]) == (500, "transient")
        assert server.get(job).status == 200
        base = launcher({"err": "file_generation_failed"})
        assert server.kick_off(base=base).status == 500
        base = launcher({"err": "file_expired"})
        url = server.manifest(base=base)["output"][0]["url"]
        assert server.get(url).status == 410
        base = launcher({"err": "some_file_generation_failed"})
        page = server.manifest(base=base)
        assert page["error"] and len(page["output"]) + len(page["error"]) == 2
        form = ("Content-Type", "application/x-www-form-urlencoded")
        for error, status, name in (("token_invalid_token", 401, "invalid_client"), ("token_invalid_scope", 400, "invalid_scope"),
                                    ("token_expired_registration_token", 400, "invalid_grant")):
            refused = server.ask("POST", f"{launcher({'err': error})}/fhir/oauth2/token", form, body="a=b")
            assert (refused.status, refused.json()["error"]) == (status, name)
        base = launcher({"err": "request_expired_token"})
        assert server.kick_off(("Authorization", "Bearer x"), base=base).body == b"Token expired"


def the_launcher_keys_page_del_and_opp():
    with Server() as server:
        page = server.manifest(base=launcher({"page": 4, "opp": 1}))
        assert len(page["output"]) == 1 and page["output"][0]["count"] == 4 and "link" in page
        page = server.manifest(base=launcher({"del": 30}), query="?_since=2020-01-01T00:00:00Z")
        assert [entry["count"] for entry in page["deleted"]] == [3, 3]


def the_launcher_key_dur():
    with Server() as server:
        job = server.job(base=launcher({"dur": 10}))
        assert server.get(job).status == 202
        server.ask("PUT", "/clock", body='{"advance": 10}')
        assert server.get(job).status == 200


def the_launcher_keys_stu_m_and_secure():
    with Server() as server:
        assert server.get(f"{launcher({'stu': 4, 'm': 10})}/fhir/metadata").status == 200
        assert server.get(f"{launcher({'stu': 3})}/fhir/metadata").status == 404
        base = launcher({"secure": 1})
        assert server.kick_off(base=base).status == 401
        assert server.kick_off(("Authorization", "Bearer x"), base=base).status == 202


def the_launcher_key_m():
    with Server() as server:
        base = launcher({"m": 3, "page": 20})
        page = server.manifest(base=base, query="?_type=Patient")
        assert [entry["count"] for entry in page["output"]] == [20, 10]
        ids = [json.loads(line)["id"] for entry in page["output"] for line in server.get(entry["url"]).lines()]
        assert ids[:4] == ["p0", "o1-p0", "o2-p0", "p1"] and len(set(ids)) == 3 * ROWS


def unknown_launcher_keys_are_no_error():
    with Server() as server:
        assert server.kick_off(base=launcher({"new": [1], "dur": "soon"})).status == 202


def one_line_of_json_when_it_is_ready():
    for simulate in (True, False):
        with Server(simulate=simulate) as server:
            assert server.ready.keys() == {"url", "port", "pid"}
            assert server.ready["url"] == f"http://127.0.0.1:{server.ready['port']}"
            assert server.ready["pid"] == server.process.pid
            assert server.get("/health").status == 200


def it_ends_when_its_input_ends():
    with Server() as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=HANG)
        server.process.stdin.write(b"what comes before the end does not count\n")
        server.process.stdin.flush()
        assert server.get("/health").status == 200
        # `end` closes the input, and demands the exit code 0.
    assert connection.recv(1) == b""


def it_ends_when_its_parent_dies():
    script = ("import os, subprocess, sys, time\n"
              "child = subprocess.Popen([os.environ['FHIRLITE'], 'serve', ':memory:', '--simulate', '--listen', '0', '--ready-json',"
              " '--exit-with-parent'], stdin=subprocess.PIPE)\n"
              "child.wait()\n")
    parent = subprocess.Popen(["python3", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    ready = json.loads(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    # The child has the other end of this pipe: its end is the child's.
    assert parent.stdout.read() == b""
    try:
        os.kill(ready["pid"], 0)
        with open(f"/proc/{ready['pid']}/stat", encoding="utf-8") as file:
            assert file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        pass


def its_input_cannot_be_imported_too():
    command = [os.environ["FHIRLITE"], "serve", ":memory:", "-", "--exit-with-parent", "--listen", "0"]
    ran = subprocess.run(command, input="", capture_output=True, text=True, timeout=HANG)
    assert ran.returncode == 2 and "--exit-with-parent" in ran.stderr


def an_empty_store_in_memory_waits_for_resources():
    with Server(lines=[]) as server:
        assert server.get("/fhir/Patient").json()["total"] == 0
        assert server.ask("POST", "/import", body='[{"resourceType":"Patient","id":"a"}]').status == 200
        assert server.file().lines()
