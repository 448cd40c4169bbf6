"""The fixtures of pytest, in a pytest of their own. The entry point of the package brings them."""

import re

import pytest

REQUEST = """
    import urllib.error, urllib.request

    def status(url):
        try:
            return urllib.request.urlopen(url).status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
"""


@pytest.fixture
def run(pytester):
    """Runs tests; returns the result."""
    pytester.makepyfile(helper=REQUEST)

    def run(text, *arguments):
        pytester.makepyfile(test_inner=text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)

    return run


def test_each_test_has_a_server(run):
    text = """
        seen = set()

        def test_one(fhirlite):
            seen.add(fhirlite.url)

        def test_two(fhirlite):
            seen.add(fhirlite.url)
            assert len(seen) == 2
        """
    run(text).assert_outcomes(passed=2)


def test_the_session_has_one_server_that_is_reset(run):
    text = """
        from helper import status
        ports = set()

        def test_one(fhirlite_session):
            ports.add(fhirlite_session.port)
            fhirlite_session.faults("metadata: status=500")
            fhirlite_session.add({"resourceType": "Patient", "id": "a"})
            assert status(fhirlite_session.fhir_url + "/metadata") == 500
            assert status(fhirlite_session.fhir_url + "/Patient/a") == 200

        def test_two(fhirlite_session):
            ports.add(fhirlite_session.port)
            assert len(ports) == 1
            assert fhirlite_session.requests() == 0
            assert status(fhirlite_session.fhir_url + "/metadata") == 200
            assert status(fhirlite_session.fhir_url + "/Patient/a") == 404
        """
    run(text).assert_outcomes(passed=2)


def test_the_factory_takes_options(run, tmp_path):
    text = """
        from helper import status

        def test_two_servers(fhirlite_factory):
            one = fhirlite_factory({"resourceType": "Patient", "id": "a"}, faults=["metadata: status=500"])
            two = fhirlite_factory(auth=True, sample=True)
            assert one.port != two.port
            assert status(one.fhir_url + "/metadata") == 500
            assert status(one.fhir_url + "/Patient/a") == 200
            assert status(two.fhir_url + "/Patient") == 401
        """
    run(text).assert_outcomes(passed=1)


def test_servers_end_with_their_test(run):
    text = """
        servers = []

        def test_one(fhirlite, fhirlite_factory):
            servers.extend([fhirlite, fhirlite_factory()])

        def test_two():
            assert [server._process._process.poll() for server in servers] == [0, 0]
        """
    run(text).assert_outcomes(passed=2)


def test_fixtures_of_ones_own_build_on_the_factory(run, pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def busy(fhirlite_factory):
            return fhirlite_factory(faults=["kickoff: status=429"])
        """
    )
    text = """
        from helper import status

        def test_one(busy):
            assert status(busy.fhir_url + "/$export") == 429
        """
    run(text).assert_outcomes(passed=1)


def test_a_failure_shows_log_and_requests(run):
    text = """
        from helper import status

        def test_fails(fhirlite):
            with fhirlite.faults("read: status=503"):
                status(fhirlite.fhir_url + "/Patient/a")
            assert fhirlite.requests() == 2
        """
    result = run(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*fhirlite log, http://127.0.0.1:*",
            "SIMULATION: *",
            "*fhirlite requests, http://127.0.0.1:*",
            "1 request:",
            "  GET /fhir/Patient/a 503  (read: status=503)",
        ]
    )


def test_a_failure_shows_each_server(run):
    text = """
        def test_fails(fhirlite, fhirlite_session, fhirlite_factory):
            fhirlite_factory().stop()
            assert False
        """
    result = run(text)
    assert len(re.findall(r"fhirlite log, ", str(result.stdout))) == 3
    result.stdout.fnmatch_lines(["GET /requests: the server does not answer: *"])


def test_a_fixture_that_fails_shows_its_server(run, pytester):
    text = """
        import pytest

        @pytest.fixture
        def filled(fhirlite):
            fhirlite.add({"id": "no type"})

        def test_one(filled):
            pass
        """
    result = run(text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fhirlite log, http://127.0.0.1:*"])


def test_a_success_shows_nothing(run):
    result = run("def test_passes(fhirlite): pass", "-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*fhirlite log*")


def test_tests_without_a_server_start_none(run, monkeypatch):
    monkeypatch.setenv("FHIRLITE_BINARY", "/nowhere")
    run("def test_passes(): pass").assert_outcomes(passed=1)


def test_the_fixtures_are_listed(run):
    result = run("", "--fixtures")
    result.stdout.fnmatch_lines(
        ["fhirlite_factory -- *", "fhirlite -- *", "*A server of this test alone*", "fhirlite_session -- *"]
    )


def test_workers_of_xdist_have_servers_of_their_own(run):
    pytest.importorskip("xdist")
    text = """
        import pytest
        from helper import status

        @pytest.mark.parametrize("number", range(8))
        def test_one(fhirlite_session, number):
            code = 500 + number % 4
            with fhirlite_session.faults(f"metadata: status={code}"):
                assert status(fhirlite_session.fhir_url + "/metadata") == code
            assert fhirlite_session.requests() == 1
        """
    run(text, "-n", "2").assert_outcomes(passed=8)


def test_twenty_tests_with_a_server_and_a_store_each(run, record_property):
    text = """
        import pytest
        from helper import status

        @pytest.mark.parametrize("number", range(20))
        def test_one(fhirlite, number):
            fhirlite.add({"resourceType": "Patient", "id": str(number)})
            assert status(f"{fhirlite.fhir_url}/Patient/{number}") == 200
        """
    result = run(text)
    result.assert_outcomes(passed=20)
    record_property("twenty tests with a server and a store each", f"{result.duration:.2f} s")
