"""What a test adds, deletes and puts back."""

import gzip
import json

import pytest
from bulk import manifest, patients, read, rows, status

from fhirlite import FhirliteError, Server


def test_resources_are_added(fhirlite):
    fhirlite.add(*patients("a", "b"))
    assert rows(fhirlite.fhir_url) == ["Patient/a", "Patient/b"]


def test_a_resource_with_the_same_id_is_replaced(fhirlite):
    fhirlite.add(*patients("a"))
    fhirlite.add({"resourceType": "Patient", "id": "a", "gender": "female"})
    assert read(f"{fhirlite.fhir_url}/Patient/a")["gender"] == "female"


def test_a_file_is_added_beside_resources(fhirlite, tmp_path):
    file = tmp_path / "more.ndjson"
    file.write_text("".join(json.dumps(each) + "\n" for each in patients("b", "c")))
    fhirlite.add(*patients("a"), str(file))
    assert rows(fhirlite.fhir_url) == ["Patient/a", "Patient/b", "Patient/c"]


def test_a_compressed_file_is_added(fhirlite, tmp_path):
    with gzip.open(tmp_path / "a.ndjson.gz", "wb") as file:
        file.write(b'{"resourceType":"Patient","id":"a"}\n')
    fhirlite.add(tmp_path / "a.ndjson.gz")
    assert rows(fhirlite.fhir_url) == ["Patient/a"]


def test_a_folder_is_added_with_what_is_below_it(fhirlite, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.json").write_text(json.dumps(patients("a")[0]))
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patients("b")[0]}]}
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    (tmp_path / "remarks.txt").write_text("no resource")
    fhirlite.add(tmp_path)
    assert rows(fhirlite.fhir_url) == ["Patient/a", "Patient/b"]


def test_a_folder_without_resources_is_an_error(fhirlite, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file there ends with \.json"):
        fhirlite.add(tmp_path)


def test_a_path_that_is_not_there_is_an_error_before_anything_is_added(fhirlite, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json: there is no such file"):
        fhirlite.add(*patients("a"), tmp_path / "none.json")
    assert rows(fhirlite.fhir_url) == []


def test_all_resources_are_added_or_none(fhirlite):
    with pytest.raises(FhirliteError, match="resourceType"):
        fhirlite.add(*patients("a"), {"id": "b"})
    assert rows(fhirlite.fhir_url) == []


def test_what_is_no_source_is_refused(fhirlite):
    with pytest.raises(TypeError, match="list is neither a resource"):
        fhirlite.add(patients("a"))


def test_resources_are_deleted_and_exports_say_so(fhirlite):
    fhirlite.add(*patients("a", "b"))
    since = manifest(fhirlite.fhir_url)["transactionTime"]
    fhirlite.delete("Patient/a")
    assert status(f"{fhirlite.fhir_url}/Patient/a") == 410
    assert rows(fhirlite.fhir_url) == ["Patient/b"]
    assert manifest(fhirlite.fhir_url, query=f"?_since={since}")["deleted"]


def test_sample_data_are_added(fhirlite):
    fhirlite.add(*patients("mine"), sample=True)
    found = rows(fhirlite.fhir_url)
    assert "Patient/mine" in found and len(found) > 100


def test_sample_data_from_the_start_are_there_after_a_reset():
    with Server(sample=True) as server:
        before = rows(server.fhir_url)
        server.delete(next(each for each in before if each.startswith("Observation/")))
        server.reset()
        assert rows(server.fhir_url) == before


def test_reset_brings_back_what_was_there_at_the_start():
    with Server(*patients("a"), faults=["read: status=503"]) as server:
        server.add(*patients("b"))
        server.delete("Patient/a")
        server.faults()
        server.reset()
        assert server.requests() == 0
        assert rows(server.fhir_url) == ["Patient/a"]
        assert status(f"{server.fhir_url}/Patient/a") == 503
