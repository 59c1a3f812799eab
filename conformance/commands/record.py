"""`gemini-conformance record`: the cassettes of scenarios, recorded first or again."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from conformance.commands.shared import (
    add_budget_option,
    add_scenario_paths,
    add_target_options,
    complain,
    scenario_files,
    target_options,
)
from conformance.errors import ConformanceError, NeedUnmet, UsageRefused
from conformance.report.drift import counted
from conformance.report.spending import spent_line
from conformance.report.text import printable
from conformance.scenario.live.tries import ENDING
from conformance.scenario.recording import Wishes, record_scenario, refuse_the_package
from conformance.scenario.refresh import Refreshed, refresh_scenario
from conformance.scenario.running import Targets
from conformance.scenario.scenario import scenario_id

__all__ = ["add_arguments", "run"]

_WORST_FIRST = (3, 2, 4, 1, 5, 0)
_OF_REFRESH = ("check", "strict", "closed", "verbose")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    add_scenario_paths(parser)
    parser.add_argument(
        "--target", default="embedded", metavar="TARGET", help="embedded, live or a URL; default: embedded"
    )
    add_target_options(parser)
    add_budget_option(parser)
    parser.add_argument("--to", metavar="DIR", help="where the cassettes go; default: ours")
    parser.add_argument(
        "--shorten", action="store_true", help="shorten signatures and media to stubs that are still base64"
    )
    parser.add_argument("--hide-ids", action="store_true", help="redact the ids of interactions too")
    parser.add_argument(
        "--even-if-wrong",
        action="store_true",
        help="write a recording that breaks the contract too, with what is wrong in its provenance",
    )
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="record again, and tell what differs from the cassettes in shape or in content alone",
    )
    parser.add_argument("--check", action="store_true", help="with --refresh: compare, and write nothing")
    parser.add_argument("--strict", action="store_true", help="with --refresh: another shape is exit code 1")
    parser.add_argument(
        "--closed", action="store_true", help="with --refresh: what the contract does not know is exit code 1"
    )
    parser.add_argument(
        "--verbose", "-v", action="store_true", help="with --refresh: show other contents too"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what --refresh prints; default: text"
    )


def run(options: argparse.Namespace) -> int:
    """Record each scenario; one that cannot be recorded does not keep the others from it."""
    if options.target == "cassettes":
        raise UsageRefused(
            "a cassette cannot be recorded from cassettes", "Use --target embedded, live or a URL."
        )
    _refuse_options(options)
    asked = target_options(options, (options.target,))
    files = scenario_files(options.paths)
    if not options.check:
        refuse_the_package(files, options.to)
    wishes = Wishes(options.to, options.shorten, options.hide_ids, options.even_if_wrong)
    targets = Targets(asked, tell=_say)
    try:
        return (_refresh if options.refresh else _record)(options, files, targets, wishes)
    finally:
        for line in targets.closing_lines():
            _say(spent_line(line))
        targets.close()


def _say(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)


def _refuse_options(options: argparse.Namespace) -> None:
    if options.refresh:
        return
    given = [f"--{name}" for name in _OF_REFRESH if getattr(options, name)]
    given += ["--format"] if options.format != "text" else []
    if given:
        raise UsageRefused(f"{given[0]} makes sense with --refresh alone", "Add --refresh, or leave it out.")


def _record(options: argparse.Namespace, files: Sequence[Path], targets: Targets, wishes: Wishes) -> int:
    codes: set[int] = set()
    for number, file in enumerate(files):
        try:
            print(record_scenario(file, options.target, targets, wishes))
            codes.add(0)
        except NeedUnmet as unmet:
            print(f"not recorded: {printable(scenario_id(file))}: {unmet}", file=sys.stderr)
        except ConformanceError as error:
            codes.add(complain(error))
            if isinstance(error, ENDING):
                left = ", ".join(scenario_id(file) for file in files[number:])
                print(f"not recorded: {printable(left)}", file=sys.stderr)
                break
    return _worst(codes or {NeedUnmet.exit_code})


def _refresh(options: argparse.Namespace, files: Sequence[Path], targets: Targets, wishes: Wishes) -> int:
    """Refresh each scenario; an empty budget, a refused key or a busy endpoint ends it for all."""
    done: list[Refreshed] = []
    left = list(files)
    while left:
        one = refresh_scenario(left.pop(0), options.target, targets, wishes, check_only=options.check)
        done.append(one)
        if options.format == "text":
            print("\n".join(map(printable, one.lines(verbose=options.verbose))), flush=True)
        if isinstance(one.error, ENDING):
            break
    code = _exit_code(done, options)
    names = [scenario_id(file) for file in left]
    if options.format == "json":
        rows = [one.to_json() for one in done]
        print(json.dumps({"scenarios": rows, "not_refreshed": names, "exit_code": code}, indent=2))
    else:
        print("\n".join(map(printable, _total(done, names))))
    return code


def _exit_code(done: Sequence[Refreshed], options: argparse.Namespace) -> int:
    codes = {one.exit_code(strict=options.strict, closed=options.closed) for one in done}
    if all(one.skipped or one.unsure or one.error for one in done):
        codes.add(5)
    return _worst(codes)


def _worst(codes: Collection[int]) -> int:
    """Give the exit code that takes precedence."""
    return next(code for code in _WORST_FIRST if code in codes)


def _total(done: Sequence[Refreshed], left: Sequence[str]) -> Iterator[str]:
    """Give what several scenarios show alike, how many there were, and those that nobody came to."""
    shared = Counter(name for one in done if one.comparison is not None for name in one.comparison.named)
    for name, times in shared.most_common():
        if times > 1:
            yield f"in {times} scenarios: {' '.join(name.split())}"
    counts = Counter(one.outcome for one in done)
    written = counted(sum(one.written for one in done), "cassette")
    told = ", ".join(f"{times} {outcome}" for outcome, times in counts.items())
    yield f"{counted(len(done), 'scenario')}: {told}; {written} written"
    if left:
        yield f"not refreshed: {', '.join(left)}"
