"""The commands that show the contract: requirements, schemas, drift."""

import json
import os
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.registry import registry

RECORDINGS = Path(__file__).parent.parent / "recordings"
EVIDENCE = os.environ.get("CONFORMANCE_EVIDENCE")


def test_a_requirement_is_explained_with_what_breaks_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence, why it matters, its source, its checks, and the committed violation."""
    assert main(["requirements", "IX-STREAM-012"]) == 0

    told = capsys.readouterr().out
    assert "A step.delta names a step that has started" in told
    assert "source    https://ai.google.dev/" in told
    assert "broken by delta after stop" in told
    assert "step 1 is not open" in told


def test_requirements_are_chosen_by_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """All filters hold together."""
    assert main(["requirements", "--area", "stream", "--level", "must", "--state", "checked"]) == 0

    told = capsys.readouterr().out.splitlines()
    shown = [registry()[line.split()[0]] for line in told]
    assert shown
    assert all(one.area == "stream" and one.level == "must" and one.checks for one in shown)


def test_an_unknown_area_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """The hint lists what there is."""
    assert main(["requirements", "--area", "strem"]) == 2
    assert "stream" in capsys.readouterr().err


def test_unobserved_requirements_are_those_that_no_recording_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What our own recordings exercise is left out, what they cannot show is in."""
    assert main(["requirements", "--unobserved", str(RECORDINGS)]) == 0

    told = capsys.readouterr().out
    assert "IX-STREAM-012 " not in told
    assert "IX-CANCEL-001 " in told


def test_requirements_are_given_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: one object each, with checks and their arguments."""
    assert main(["requirements", "IX-ERR-004", "--format", "json"]) == 0

    (told,) = json.loads(capsys.readouterr().out)
    assert told["id"] == "IX-ERR-004"
    assert told["checks"][0]["name"] == "errors.code_goes_with_status"


def test_schemas_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, or one as it is."""
    assert main(["schemas"]) == 0
    assert "interactions/event " in capsys.readouterr().out
    assert main(["schemas", "interactions/event"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Event"
    assert main(["schemas", "interactions/evnt"]) == 2
    assert "did you mean 'interactions/event'?" in capsys.readouterr().err


def test_schemas_are_written_as_openapi(capsys: pytest.CaptureFixture[str]) -> None:
    """With the items of the stream, for tools that read them."""
    assert main(["schemas", "--openapi"]) == 0

    document = json.loads(capsys.readouterr().out)
    create = document["paths"]["/interactions"]["post"]["responses"]["200"]
    name = create["$ref"].rpartition("/")[2]
    content = document["components"]["responses"][name]["content"]
    assert document["openapi"].startswith("3.2")
    assert "itemSchema" in content["text/event-stream"]


def test_our_own_document_does_not_differ_from_us(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written and read again, the contract is the same."""
    assert main(["schemas", "--openapi"]) == 0
    path = tmp_path / "exported.json"
    path.write_text(capsys.readouterr().out)

    assert main(["drift", str(path), "--against", str(path)]) == 2  # a document with itself is a slip
    capsys.readouterr()
    assert main(["drift", str(path)]) == 0
    assert "0 not explained" in capsys.readouterr().out


def test_a_new_field_in_a_document_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What no erratum explains is listed with the requirements that it touches."""
    main(["schemas", "--openapi"])
    document = json.loads(capsys.readouterr().out)
    document["components"]["schemas"]["step_thought"]["properties"]["mood"] = {"type": "string"}
    path = tmp_path / "newer.json"
    path.write_text(json.dumps(document))

    assert main(["drift", str(path)]) == 1
    assert "mood" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [("[]", "OpenAPI"), ("{", "JSON"), ('{"openapi": "3.1.0", "paths": {}}', "interactions")],
)
def test_what_is_no_openapi_document_is_refused(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence with the file, exit code 2."""
    path = tmp_path / "document.json"
    path.write_text(text)

    assert main(["drift", str(path)]) == 2
    assert said in (notes := capsys.readouterr().err)
    assert "document.json" in notes
    assert "Traceback" not in notes


@pytest.mark.skipif(EVIDENCE is None, reason="CONFORMANCE_EVIDENCE is not set")
@pytest.mark.parametrize("name", ["interactions.v1beta.2026-09-12", "interactions.sdk-3.4.0-derived"])
def test_the_published_documents_differ_only_as_explained(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every difference from the two newest documents is an erratum."""
    assert main(["drift", f"{EVIDENCE}/openapi/{name}.json"]) == 0
    assert "0 not explained" in capsys.readouterr().out


def test_coverage_is_in_the_summary_and_in_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """How much of the schemas a run has shown, once for the whole run."""
    record = tmp_path / "record.ndjson"
    assert main(["lint", str(RECORDINGS), "--record", str(record), "--party", "server"]) == 0

    assert "points of" in capsys.readouterr().out
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    (coverage,) = [line for line in lines if line["type"] == "coverage"]
    assert "text" in coverage["seen"]["interactions/content"]["kinds"]
