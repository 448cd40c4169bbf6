"""Statuses, bodies of errors, `Retry-After`: the first tables of docs/simulate.md."""

import email.utils

from wire import Server


def status_429_with_an_outcome_once():
    with Server() as server:
        server.rules({"at": "kickoff", "status": 429, "retry_after": "1", "times": 1})
        answer = server.kick_off()
        assert (answer.status, answer.reason) == (429, "Too Many Requests")
        assert answer.issue()["code"] == "throttled"
        assert answer.header("Retry-After") == "1"
        assert answer.fault == "kickoff: times=1; status=429; retry_after=1"
        after = server.kick_off()
        assert after.status == 202 and after.fault is None


def errors_have_a_text_body():
    with Server() as server:
        server.rules("file: status=502; body=text; message=Bad Gateway; times=1; each")
        one, other = [server.file_url(kind=kind) for kind in ("Patient", "Observation")]
        for url in (one, other):
            answer = server.get(url)
            assert (answer.status, answer.reason, answer.body) == (502, "Bad Gateway", b"Bad Gateway")
            assert answer.header("Content-Type") == "text/plain"
            assert server.get(url).status == 200


def errors_have_an_empty_body():
    with Server() as server:
        server.rules("delete: status=404; body=empty", "read: status=504; body=empty")
        job = server.job()
        gone = server.ask("DELETE", job)
        assert (gone.status, gone.body, gone.header("Content-Length")) == (404, b"", "0")
        read = server.get("/fhir/Patient/p1")
        assert (read.status, read.reason, read.body) == (504, "Gateway Timeout", b"")
        # The job is still there: no fault does what it stands for.
        server.rules()
        assert server.ask("DELETE", job).status == 202


def every_status_code_with_its_reason():
    reasons = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
               410: "Gone", 413: "Content Too Large", 418: "", 429: "Too Many Requests", 500: "Internal Server Error",
               501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
    with Server() as server:
        for status, reason in reasons.items():
            server.rules({"at": "search", "status": status})
            answer = server.get("/fhir/Patient")
            assert (answer.status, answer.reason) == (status, reason)
            assert answer.issue()["severity"] == "error"


def every_place_can_fail():
    with Server("--auth", "required") as server:
        bearer = server.bearer()
        job = server.job(bearer)
        url = server.manifest(bearer)["output"][0]["url"]
        server.rules(*({"at": place, "status": 503} for place in
                       ("token", "kickoff", "status", "file", "delete", "metadata", "read", "search")))
        form = ("Content-Type", "application/x-www-form-urlencoded")
        asked = {
            "token": server.ask("POST", "/fhir/oauth2/token", form, body="grant_type=client_credentials"),
            "kickoff": server.kick_off(bearer),
            "status": server.get(job, bearer),
            "file": server.get(url, bearer),
            "delete": server.ask("DELETE", job, bearer),
            "metadata": server.get("/fhir/metadata"),
            "read": server.get("/fhir/Patient/p1", bearer),
            "search": server.get("/fhir/Patient", bearer),
        }
        for place, answer in asked.items():
            assert answer.status == 503, place
            assert answer.fault == f"{place}: status=503", place
        assert server.get("/fhir/.well-known/smart-configuration").status == 503
        assert server.get("/health").status == 200


def transient_n_times():
    with Server() as server:
        server.rules("status: status=503; code=transient; times=2")
        job = server.job()
        for _ in range(2):
            answer = server.get(job)
            assert (answer.status, answer.issue()["code"]) == (503, "transient")
        assert server.get(job).status == 200


def transient_for_ever():
    with Server() as server:
        server.rules("status: status=500; code=transient")
        job = server.job()
        assert {(answer.status, answer.issue()["code"]) for answer in [server.get(job) for _ in range(20)]} == {(500, "transient")}


def the_fourth_file_is_too_much():
    with Server() as server:
        server.rules("file: status=429; skip=3; times=1")
        url = server.file_url()
        assert [server.get(url).status for _ in range(6)] == [200, 200, 200, 429, 200, 200]


def only_the_nth_request():
    with Server() as server:
        server.rules("search: nth=2; status=500")
        assert [server.get("/fhir/Patient").status for _ in range(4)] == [200, 500, 200, 200]


def only_a_type():
    with Server() as server:
        server.rules("search: type=Observation; status=500", "file: type=Observation; status=500", "read: type=Observation; status=500")
        for path in ("/fhir/{}", "/fhir/{}/{}", server.file_url().replace("Patient", "{}")):
            assert server.get(path.format("Patient", "p1")).status == 200
            assert server.get(path.format("Observation", "o1")).status == 500


def a_share_of_requests_by_a_seed():
    def statuses(seed):
        with Server() as server:
            server.rules({"at": "read", "status": 504, "probability": 0.5, "seed": seed})
            return [server.get("/fhir/Patient/p1").status for _ in range(30)]

    seven = statuses(7)
    assert set(seven) == {200, 504} and statuses(7) == seven and statuses(8) != seven


def status_200_instead_of_202():
    with Server() as server:
        server.rules("kickoff: status=200")
        answer = server.kick_off()
        assert answer.status == 200 and server.get(answer.header("Content-Location")).status == 200


def status_204_has_no_body():
    with Server() as server:
        server.rules("status: status=204")
        answer = server.get(server.job())
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("Content-Length") is None and answer.header("Transfer-Encoding") is None


def status_303_to_the_same_url():
    with Server() as server:
        server.rules("status: status=303; times=1")
        job = server.job()
        answer = server.get(job)
        assert (answer.status, answer.reason, answer.header("Location")) == (303, "See Other", job)
        assert server.get(job).status == 200


def retry_after(form):
    with Server() as server:
        server.rules(f"status: polls=1; retry_after={form}")
        answer = server.get(server.job())
        assert answer.status == 202
        return answer.header("Retry-After"), email.utils.parsedate_to_datetime(answer.header("Date"))


def retry_after_in_seconds():
    assert retry_after("120")[0] == "120"


def retry_after_with_a_fraction():
    assert retry_after("1.5")[0] == "1.5"


def retry_after_as_a_date():
    value, now = retry_after("date+90")
    assert value.endswith(" GMT")
    assert 85 <= (email.utils.parsedate_to_datetime(value) - now).total_seconds() <= 95


def retry_after_in_the_past():
    value, now = retry_after("past")
    assert (email.utils.parsedate_to_datetime(value) - now).total_seconds() < -3000


def retry_after_negative():
    assert retry_after("-1")[0] == "-1"


def retry_after_junk():
    assert retry_after("junk")[0] == "soon"


def retry_after_absent():
    assert retry_after("absent")[0] is None


def status_429_for_polling_faster_than_it_said():
    with Server() as server:
        server.rules("status: polls=2; retry_after=60; too_fast")
        job = server.job()
        assert server.get(job).status == 202
        answer = server.get(job)
        assert (answer.status, answer.header("Retry-After")) == (429, "60")
        for status in (202, 200):
            assert server.ask("PUT", "/clock", body='{"advance": 61}').status == 200
            assert server.get(job).status == status
