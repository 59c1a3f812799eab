"""The results as a table and as figures.

data = summary(header, lines)          # for JSON
print(markdown(data))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

__all__ = ["markdown", "summary"]

Line = Mapping[str, Any]


def summary(header: Line, lines: Iterable[Line]) -> dict[str, Any]:
    """Count what was caught, by area and in all; name what only one side caught."""
    done = sorted(lines, key=lambda line: (line["area"], line["mutant"]))
    names = list(header["right"])
    areas = {
        area: [line for line in done if line["area"] == area] for area in {line["area"]: 0 for line in done}
    }
    rivals = [name for name in names if name != "ours"]
    return {
        **header,
        "areas": {area: _counts(of, names) for area, of in areas.items()},
        "all": _counts(done, names),
        "as_they_are": _counts([line for line in done if not line["stands"]], names),
        "tools": {name: _times([line["tools"][name] for line in done]) for name in names},
        "missed_by_ours": {
            name: [_told(line, name) for line in done if _only(line, name)] for name in rivals
        },
        "by_none_of_the_tools": [line["mutant"] for line in done if not _caught(line, names)],
        "by_ours_alone": [
            line["mutant"] for line in done if _caught(line, ["ours"]) and not _caught(line, rivals)
        ],
        "mutants": done,
    }


def _counts(lines: Sequence[Line], names: Sequence[str]) -> dict[str, Any]:
    def count(of: Callable[[Line], bool]) -> int:
        return sum(map(of, lines))

    def fails(line: Line) -> bool:
        return any(not one.startswith("warn ") for one in line["tools"]["ours"]["findings"])

    return {
        "mutants": len(lines),
        "scenarios": count(lambda line: line["scenarios"] == "killed"),
        **{name: count(lambda line, name=name: line["tools"][name]["caught"]) for name in names},  # type: ignore[misc]
        "ours_red": count(fails) if "ours" in names else 0,
        "met": {name: count(lambda line, name=name: line["tools"][name]["met"] > 0) for name in names},  # type: ignore[misc]
    }


def _times(told: Sequence[Line]) -> dict[str, Any]:
    seconds = [one["seconds"] for one in told] or [0.0]
    return {
        "seconds": round(sum(seconds), 1),
        "median_s": round(median(seconds), 2),
        "requests_median": median([one["asked"] for one in told] or [0]),
        "problems": sum(bool(one["problem"]) for one in told),
    }


def _caught(line: Line, names: Iterable[str]) -> bool:
    return any(line["tools"][name]["caught"] for name in names)


def _only(line: Line, name: str) -> bool:
    return _caught(line, [name]) and not _caught(line, ["ours"])


def _told(line: Line, name: str) -> dict[str, Any]:
    return {
        "mutant": line["mutant"],
        "scenarios": line["scenarios"],
        "findings": line["tools"][name]["findings"],
    }


def markdown(data: Line) -> str:
    """Give the table, and below it what it cannot hold."""
    names = list(data["right"])
    heads = [
        "area",
        "mutants",
        "ours, its scenarios",
        *("ours, a whole run" if n == "ours" else n for n in names),
    ]
    rows = [_row(area, counts, names) for area, counts in data["areas"].items()]
    rows.append(_row("**all**", data["all"], names))
    rows.append(_row("of these, as they are", data["as_they_are"], names))
    rows.append(["fault met", "", "", *(str(data["all"]["met"][name]) for name in names)])
    rows.append(["median seconds", "", "", *(f"{data['tools'][name]['median_s']:g}" for name in names)])
    rows.append(["alarms on the right server", "", "0", *(str(len(data["right"][name])) for name in names)])
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    told = [
        *_table(heads, rows),
        "",
        f"{versions}; seed {data['seed']}; no tool may take longer than {data['limit_s']:g} s for a server.",
        f"Of ours, {data['all']['ours_red']} are red, the others warn.",
    ]
    told += [f"Alarm of {name} on the right server: {one}." for name in names for one in data["right"][name]]
    for name, missed in data["missed_by_ours"].items():
        told += [f"{name}, and no whole run of ours: {_words(one)}." for one in missed]
    return "\n".join(told) + "\n"


def _words(one: Line) -> str:
    return f"{one['mutant']} ({'; '.join(one['findings'])}); its scenarios: {one['scenarios']}"


def _row(area: str, counts: Line, names: Sequence[str]) -> list[str]:
    return [area, *(str(counts[key]) for key in ("mutants", "scenarios", *names))]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
