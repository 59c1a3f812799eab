"""What fuzzing alone finds beside schemathesis in the same time, as a table and as figures.

data = summary(header, lines)          # for JSON
print(markdown(data))
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["SPARE", "markdown", "summary"]

Line = Mapping[str, Any]

OURS, THEIRS = "fuzz", "schemathesis-for"
SPARE = 5
"""So many members more than its fault needs may a finding have."""


def summary(header: Line, lines: Iterable[Line]) -> dict[str, Any]:
    """Count what both, one or none found, and the findings that are too large."""
    done = sorted(lines, key=lambda line: (line["area"], line["mutant"]))
    names = {line["mutant"]: _finders(line) for line in done}
    sizes = [(line["mutant"], one) for line in done for one in line["tools"][OURS].get("sizes", ())]
    spare = [one["members"] - one["needed"] for _, one in sizes if one["needed"] is not None]
    return {
        **header,
        "mutants": len(done),
        "found": {name: sum(name in told for told in names.values()) for name in (OURS, THEIRS)},
        "both": [name for name, told in names.items() if len(told) == 2],
        "by_fuzz_alone": [name for name, told in names.items() if told == [OURS]],
        "by_schemathesis_alone": [name for name, told in names.items() if told == [THEIRS]],
        "none": [name for name, told in names.items() if not told],
        "findings": len(sizes),
        "not_shown_again": [name for name, one in sizes if one["needed"] is None],
        "most_spare": max(spare, default=0),
        "too_large": [name for name, one in sizes if (one["needed"] is not None) and _spare(one) > SPARE],
        "problems": {
            f"{line['mutant']}, {name}": told["problem"]
            for line in done
            for name, told in line["tools"].items()
            if told["problem"]
        },
        "lines": done,
    }


def _finders(line: Line) -> list[str]:
    return [name for name in (OURS, THEIRS) if line["tools"][name]["caught"]]


def _spare(one: Line) -> int:
    return int(one["members"]) - int(one["needed"])


def markdown(data: Line) -> str:
    """Give the table, and below it what it cannot hold."""
    heads = [
        "mutant",
        "found by",
        "our first finding",
        "fuzz, s",
        "schemathesis, s",
        "requests",
        "schemathesis's",
        "members, of which needed",
    ]
    return "\n".join(
        [
            f"| {' | '.join(heads)} |",
            "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
            *(f"| {' | '.join(_row(line))} |" for line in data["lines"]),
            "",
            *_told(data),
            *(
                f"Alarm of {name} on the right server: {one}."
                for name, of in data["right"].items()
                for one in of
            ),
            *(f"Problem: {name}: {one}." for name, one in data["problems"].items()),
            "",
        ]
    )


def _told(data: Line) -> Iterator[str]:
    found, alone = data["found"], len(data["by_schemathesis_alone"])
    versions = ", ".join(f"{name} {one}" for name, one in data["versions"].items())
    yield f"Of {data['mutants']} wrong servers fuzzing finds {found[OURS]}, schemathesis {found[THEIRS]}:"
    yield f"both {len(data['both'])}, fuzzing alone {len(data['by_fuzz_alone'])}, schemathesis alone {alone},"
    yield f"none {len(data['none'])}. {data['limit_s']:g} s each, seed {data['seed']}; {versions}."
    yield f"{data['findings']} findings; the largest has {data['most_spare']} members more than its fault"
    yield f"needs (at most {SPARE}); {len(data['not_shown_again'])} did not show again."


def _row(line: Line) -> list[str]:
    ours, theirs = line["tools"][OURS], line["tools"][THEIRS]
    sizes: Sequence[Line] = sorted(ours.get("sizes", ()), key=lambda one: one["seconds"])
    first = f"{sizes[0]['requirement'] or 'refused'}" if sizes else ""
    return [
        line["mutant"],
        " and ".join(_finders(line)) or "none",
        first + (f" and {len(sizes) - 1} more" if len(sizes) > 1 else ""),
        _seconds(ours["seconds"] - ours["tried_s"] + ours["first_s"]) if sizes else "",
        _seconds(theirs["seconds"]) if theirs["caught"] else "",
        str(ours["asked"]),
        str(theirs["asked"]),
        ", ".join(f"{one['members']} ({'?' if one['needed'] is None else one['needed']})" for one in sizes),
    ]


def _seconds(value: float) -> str:
    return f"{value:.1f}"
