"""How many of the wrong servers other tools catch, side by side with ours.

    python -m tests.rivals --results FILE.ndjson --to FILE.json -n 2 --sample 100

Every mutant that is no equivalent is served to each tool, and so is the right server, whose findings do not
count. The results are kept a line a mutant, with a folder `FILE.work` beside them: started again, the run
goes on where it was. Mutants come in an order drawn from the seed, so that whatever is done is a fair sample.
`--to` writes the figures as JSON, and beside it the table as Markdown. Every tool runs to its end, or to its
first new finding; one that is not over after 180 seconds has a problem in the results.

    python -m tests.rivals --tools fuzz schemathesis-for --limit 20 --sample 30

compares our fuzzing, without a scenario, with schemathesis, both for 20 seconds a server, and says how much
larger each finding is than its fault needs.
"""

import argparse
import json
import random
import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conformance.mutants.mutant import Mutant, read_mutants
from tests.rivals import fuzzed, table
from tests.rivals.servers import SEED
from tests.rivals.side_by_side import on_mutants, on_the_right_server
from tests.rivals.tools import tools

__all__ = ["chosen", "main", "read_results"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing in the results, then show all of them."""
    options = _options(arguments)
    results = Path(options.results)
    available = {name: one for name, one in tools(options.limit).items() if name in options.tools}
    facts = {
        "seed": SEED,
        "limit_s": options.limit,
        "versions": {one.name: version(one.distribution) for one in available.values()},
    }
    header, done = read_results(results)
    work = results.with_suffix(".work").resolve()
    if header is None or not work.exists():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        header, done = {**facts, "right": on_the_right_server(available.values(), work)}, []
    elif {key: header[key] for key in facts} != facts:
        print(f"{results} is of other tools, versions or limits: remove it, or name another", file=sys.stderr)  # noqa: T201
        return 2
    _write(results, [header, *done])
    wanted = chosen(options.only, options.sample)
    seen = {line["mutant"] for line in done}
    missing = [one for one in wanted if one.name not in seen]
    for line in on_mutants(
        missing, limit_s=options.limit, right=header["right"], work=work, processes=options.processes
    ):
        done.append(line)
        _write(results, [line], mode="a")
        told = ", ".join(name for name, one in line["tools"].items() if one["caught"]) or "none"
        print(f"{len(done)} {line['mutant']}: {told}", file=sys.stderr)  # noqa: T201
    shown = fuzzed if "fuzz" in available else table
    data = shown.summary(header, [line for line in done if line["mutant"] in {one.name for one in wanted}])
    text = shown.markdown(data)
    if options.to:
        Path(options.to).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        Path(options.to).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.rivals", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--results",
        default=".gemini-conformance/rivals.ndjson",
        metavar="FILE",
        help="what is done, a line a mutant",
    )
    parser.add_argument("--to", metavar="FILE.json", help="where the figures go; the table goes beside them")
    parser.add_argument("--only", default="", metavar="WORD", help="mutants whose name or area holds it")
    parser.add_argument("--tools", nargs="+", default=["ours", "schemathesis", "llm-comply"], metavar="NAME")
    parser.add_argument("--sample", type=int, metavar="N", help="so many, drawn from the seed; default: all")
    parser.add_argument("--limit", type=float, default=180.0, metavar="S", help="of a tool, a server")
    parser.add_argument("-n", dest="processes", type=int, default=1, metavar="N", help="how many processes")
    return parser.parse_args(arguments)


def chosen(word: str = "", sample: int | None = None) -> list[Mutant]:
    """Give the mutants that a tool could catch, in an order drawn from the seed."""
    mutants = [one for one in read_mutants() if not one.equivalent and word in f"{one.area} {one.name}"]
    random.Random(SEED).shuffle(mutants)
    return mutants[:sample]


def read_results(path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Read what is done; a last line that was cut off is left out."""
    if not path.exists():
        return None, []
    lines = [
        json.loads(line)
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.endswith("\n")
    ]
    return (lines[0], lines[1:]) if lines else (None, [])


def _write(path: Path, lines: Iterable[dict[str, Any]], mode: str = "w") -> None:
    with path.open(mode, encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
