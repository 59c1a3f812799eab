"""Differences as people and programs read them."""

from typing import Any

from conformance.contract.openapi.differences import Difference, differences, our_contract
from conformance.contract.openapi.listing import listed, rows
from tests.contract.openapi.documents import contract_of, ours_changed
from tests.contract.openapi.test_touched import Conversation

LABEL = "interactions.v1beta.2027-01-01"


def changed() -> list[Difference]:
    content: Any = ours_changed()
    schemas = content["components"]["schemas"]
    schemas["usage"]["properties"]["brand_new"] = {}
    del schemas["interaction"]["properties"]["object"]
    schemas["status"]["x-open-enum"] += ["paused", "resumed"]
    return differences(our_contract(), contract_of(content, LABEL))


def test_what_is_not_explained_is_told_in_full_and_the_rest_counted() -> None:
    """One line a place, then the way to it and what it touches."""
    lines = list(listed(changed(), LABEL, [Conversation("text", ["IX-USAGE-001"])]))

    start = lines.index(f"field      usage.brand_new: only {LABEL} declares the field")
    assert lines[start + 1 : start + 5] == [
        "    at: create.reply.usage.brand_new",
        "    requirements: IX-USAGE-001",
        "    checks: schema:interactions/usage, usage.the_totals_are_told",
        "    scenarios: text",
    ]
    assert f"value      interaction.status: only {LABEL} lists 2: paused, resumed" in lines
    assert lines[-1] == "8 differences: 7 not explained, 1 by 1 errata (1 recorded)"
    assert not [line for line in lines if "interaction.object" in line]


def test_what_is_explained_is_shown_when_asked_for() -> None:
    """With the reason and its evidence."""
    lines = list(listed(changed(), LABEL, verbose=True))

    start = lines.index("field      interaction.object: only ours declares the field")
    assert lines[start + 1].startswith("    recorded: Every recorded reply has it")
    assert lines[start + 2].startswith("    evidence: research/")


def test_two_documents_have_no_errata() -> None:
    """Everything that differs between them is shown."""
    assert list(listed(changed(), ""))[-1] == "8 differences: 8 not explained, 0 by 0 errata"


def test_no_difference_is_one_line() -> None:
    """The count with its denominator, as always."""
    assert list(listed([], LABEL)) == ["0 differences: 0 not explained, 0 by 0 errata"]


def test_many_words_of_one_list_are_cut() -> None:
    """The JSON form has all of them."""
    words = [f"w{n}" for n in range(20)]
    found = [Difference(f"model={word}", "value", "x", ("create.reply",), "", word) for word in words]

    assert next(listed(found, "x")) == "value      model: only x lists 20: w0, w1, w2, w3, w4, w5, w6, w7, …"
    assert len(rows(found, "x")) == 20


def test_rows_are_json_with_everything_in_it() -> None:
    """A program sees the erratum, or null."""
    by_place = {row["where"]: row for row in rows(changed(), LABEL, [Conversation("text", ["IX-USAGE-001"])])}

    usage = by_place["usage.brand_new"]
    assert (usage["kind"], usage["only"], usage["path"]) == ("field", LABEL, "create.reply.usage.brand_new")
    assert (usage["scenarios"], usage["erratum"]) == (["text"], None)
    assert by_place["interaction.object"]["erratum"]["because"] == "recorded"
