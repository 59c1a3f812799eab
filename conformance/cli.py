"""The command line: `gemini-conformance run | lint | record | serve | list | requirements`.

The report goes to stdout, notes and errors to stderr. Exit codes: 0 conforms; 1 findings; 2 the call is
wrong; 3 a fault of the harness; 5 not enough evidence. Each command imports what it needs when it runs, so
that `--help` is there at once.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.errors import ConformanceError, NothingToDo, UsageRefused

if TYPE_CHECKING:
    from conformance.report.record import Line, Record
    from conformance.scenario.running import Options

__all__ = ["main"]

_RED = ("error", "fail", "untestable")
_EPILOG = """exit codes: 0 conforms, 1 findings, 2 wrong call, 3 fault of the harness, 5 not enough evidence

  gemini-conformance run                               the five conversations, offline
  gemini-conformance run --target http://127.0.0.1:8000
  gemini-conformance lint recordings/
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest: list[str] = []
    if "--" in given:
        at = given.index("--")
        given, rest = given[:at], given[at + 1 :]
    options = _parser().parse_args(given)
    if rest and options.command != "run":
        return _complain(UsageRefused("only run takes options of pytest after --"))
    options.pytest_options = rest
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    command: Callable[[argparse.Namespace], int] = options.function
    try:
        code = command(options)
        sys.stdout.flush()
    except ConformanceError as error:
        return _complain(error)
    except BrokenPipeError:  # whoever reads stdout has left; what Python writes at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:  # noqa: BLE001 (Python's own exit code would say "findings")
        return _our_fault(error)
    return code


def _our_fault(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    print(f"gemini-conformance: the harness failed: {type(error).__name__}: {error}", file=sys.stderr)
    print("hint: this is our fault: please report it with what stands above.", file=sys.stderr)
    return 3


def _complain(error: ConformanceError) -> int:
    print(f"gemini-conformance: {error}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gemini-conformance",
        description="Tells whether a client or an endpoint keeps the documented contract of the Gemini API.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_lint(commands)
    _add_record(commands)
    _add_serve(commands)
    listing = _add(commands, "list", _list, "show the scenarios and what they exercise")
    listing.add_argument("paths", nargs="*", metavar="PATH", help="scenario files or folders; default: ours")
    requirements = _add(commands, "requirements", _requirements, "list the requirements, or explain one")
    requirements.add_argument("ids", nargs="*", metavar="ID", help="such as IX-STREAM-012")
    return parser


class _Version(argparse.Action):
    """Prints the version; asking for it is the only time it is looked up."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from conformance.report.record import our_version

        print(f"gemini-conformance {our_version()}")
        parser.exit()


def _add(commands: Any, name: str, function: Callable[[argparse.Namespace], int], text: str) -> Any:
    parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
    )
    parser.set_defaults(function=function)
    return parser


def _add_run(commands: Any) -> None:
    parser = _add(commands, "run", _run, "play scenarios against targets and judge what was exchanged")
    parser.usage = "gemini-conformance run [PATH ...] [options] [-- PYTEST-OPTIONS]"
    parser.add_argument("paths", nargs="*", metavar="PATH", help="scenario files or folders; default: ours")
    parser.add_argument(
        "--target",
        action="append",
        metavar="TARGET",
        help="embedded, cassettes, live or a URL; may be repeated; default: cassettes and embedded",
    )
    _add_target_options(parser)
    parser.add_argument("--cassettes", metavar="DIR", help="the folder of the cassettes; default: ours")
    parser.add_argument("--closed", action="store_true", help="what the contract does not know fails")
    parser.add_argument(
        "--strict", action="store_true", help="warn, inconclusive and drift count as findings"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every requirement that was judged")
    parser.add_argument(
        "-n", dest="workers", metavar="N", help="how many processes, or auto; default: this one"
    )
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def _add_target_options(parser: Any) -> None:
    parser.add_argument("--api-version", choices=("v1beta", "v1"), default="v1beta", help="default: v1beta")
    parser.add_argument("--seed", type=int, default=7, help="seed of the embedded server; default: 7")
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="limit of one exchange; default: 60"
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="the environment variable that holds the key for a URL; no other key is sent",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a time in seconds")
    return value


def _add_lint(commands: Any) -> None:
    parser = _add(commands, "lint", _lint, "judge recordings made by anyone")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files and folders; - has no meaning here")
    parser.add_argument("--excerpt", action="store_true", help="the recordings were shortened by hand")
    parser.add_argument(
        "--max-mb", type=int, default=64, metavar="MB", help="larger files are not judged; default: 64"
    )
    parser.add_argument("--closed", action="store_true", help="what the contract does not know fails")
    parser.add_argument("--strict", action="store_true", help="warn and drift count as findings")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every file and requirement")
    parser.add_argument("--record", metavar="FILE", help="write a record of the run")


def _add_record(commands: Any) -> None:
    parser = _add(commands, "record", _record, "play scenarios and write their cassettes")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="scenario files or folders; default: ours")
    parser.add_argument(
        "--target", default="embedded", metavar="TARGET", help="embedded, live or a URL; default: embedded"
    )
    _add_target_options(parser)
    parser.add_argument("--to", metavar="DIR", help="where the cassettes go; default: ours")


def _add_serve(commands: Any) -> None:
    parser = _add(commands, "serve", _serve, "run the reference server until it is interrupted")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; default: 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: one that the kernel gives")
    parser.add_argument(
        "--seed", type=int, default=7, help="what ids and signatures are made from; default: 7"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="bind to an address that others can reach"
    )


def _scenario_files(paths: Sequence[str]) -> list[Path]:
    from conformance.contract.places import folder
    from conformance.running import find_scenarios

    return find_scenarios(paths or [str(folder("scenarios"))])


def _options(options: argparse.Namespace, targets: Sequence[str]) -> "Options":
    """Read the options that several commands share; refuse what cannot work before anything is sent."""
    from conformance.scenario.running import Options, checked_target

    found = Options(
        targets=tuple(targets),
        api_version=options.api_version,
        seed=options.seed,
        closed=getattr(options, "closed", False),
        timeout_s=options.timeout,
        key_env=options.key_env,
        cassettes=getattr(options, "cassettes", None),
    )
    for target in targets:
        checked_target(target, found)
    return found


def _run(options: argparse.Namespace) -> int:
    from conformance.report.record import Record, default_path, footer_line, header_line
    from conformance.report.text import counts_of
    from conformance.running import run_scenarios

    asked = _options(options, options.target or ("cassettes", "embedded"))
    files = _scenario_files(options.paths)
    path = Path(options.record) if options.record else default_path("run")
    header = header_line(command="run", targets=list(asked.targets), seed=asked.seed, closed=asked.closed)
    with Record(path, header) as record:
        faults = run_scenarios(
            files, asked, record, workers=options.workers, pytest_options=options.pytest_options
        )
        for fault in faults:
            record.write({"type": "fault", "message": fault})
        code = _exit_code(record.lines, strict=options.strict)
        record.close(footer_line(code, counts_of(record.lines)))
    _print_run(options, record, code)
    return code


def _exit_code(lines: "Sequence[Line]", *, strict: bool) -> int:
    """The exit code of a run: a fault of ours, then a wrong file, then findings, then too little evidence."""
    codes = {line.get("exit_code", 0) for line in lines if line["type"] in ("scenario", "file")}
    red = any(line["type"] in ("scenario", "file", "verdict") and line["outcome"] in _RED for line in lines)
    pale = any(
        line["type"] == "drift" or (line["type"] == "verdict" and line["outcome"] in ("warn", "inconclusive"))
        for line in lines
    )
    judged = any(line["type"] == "verdict" or (line["type"] == "passes" and line["counts"]) for line in lines)
    if 3 in codes or any(line["type"] == "fault" for line in lines):
        return 3
    if 2 in codes:
        return 2
    if red or (strict and pale):
        return 1
    return 0 if judged and 5 not in codes else 5


def _print_run(options: argparse.Namespace, record: "Record", code: int) -> None:
    from conformance.report import text

    lines = record.lines
    if record.problem:
        print(record.problem, file=sys.stderr)
    if options.format == "json":
        print(text.to_json(lines, code))
        return
    scenarios = [line for line in lines if line["type"] == "scenario"]
    print("\n".join(text.render_run(lines, verbose=options.verbose)))
    good = sum(line["outcome"] in ("pass", "warn", "known") for line in scenarios)
    total = text.render_total(lines, subjects=f"{good} of {len(scenarios)} scenarios · seed {options.seed}")
    print(total if code != 5 else f"{total} · not enough evidence")
    if record.path is not None and not record.problem:
        print(f"record: {record.path}", file=sys.stderr)


def _lint(options: argparse.Namespace) -> int:
    from conformance.report import text
    from conformance.report.record import Record, footer_line, header_line
    from conformance.report.text import counts_of

    path = Path(options.record) if options.record else None
    header = header_line(command="lint", paths=options.paths, closed=options.closed)
    with Record(path, header) as record:
        for line in _linted(options):
            record.write(line)
        code = _exit_code(record.lines, strict=options.strict)
        record.close(footer_line(code, counts_of(record.lines)))
    if record.problem:
        print(record.problem, file=sys.stderr)
    if options.format == "json":
        print(text.to_json(record.lines, code))
        return code
    print("\n".join(text.render_lint(record.lines, verbose=options.verbose)))
    return code


def _linted(options: argparse.Namespace) -> "Iterator[Line]":
    from conformance.judge.judge import judge
    from conformance.report.record import file_line, report_lines
    from conformance.wire.recording import Recording, read_all

    found = read_all(options.paths, excerpt=options.excerpt, largest_bytes=options.max_mb * 1024 * 1024)
    for recording in found:
        if not isinstance(recording, Recording):
            yield file_line(recording.file, outcome="fail", problem=recording.problem, hint=recording.hint)
        elif recording.note:
            yield file_line(recording.file, form=recording.form, outcome="not-observed", note=recording.note)
        else:
            trace = recording.trace
            report = judge(trace, closed=options.closed)
            yield file_line(recording.file, form=recording.form, outcome=report.outcome)
            yield from report_lines(recording.file, report, trace)


def _record(options: argparse.Namespace) -> int:
    from conformance.scenario.recording import record_scenario, refuse_the_package
    from conformance.scenario.running import Targets

    if options.target == "cassettes":
        raise UsageRefused(
            "a cassette cannot be recorded from cassettes", "Use --target embedded, live or a URL."
        )
    asked = _options(options, (options.target,))
    files = _scenario_files(options.paths)
    refuse_the_package(files, options.to)
    targets = Targets(asked)
    codes = [0]
    try:
        for file in files:
            try:
                print(record_scenario(file, options.target, targets, folder_to=options.to))
            except ConformanceError as error:
                codes.append(_complain(error))
    finally:
        targets.close()
    return max(codes)


def _serve(options: argparse.Namespace) -> int:
    from conformance.server import serve

    def ready(server: Any) -> None:
        print(server.url, flush=True)
        print(f"reference server, seed {options.seed}; ctrl-C ends it", file=sys.stderr)

    serve(options.host, options.port, seed=options.seed, on_ready=ready, allow_remote=options.allow_remote)
    return 0


def _list(options: argparse.Namespace) -> int:
    from conformance.errors import ScenarioBroken
    from conformance.scenario.scenario import read_scenario

    code, scenarios = 0, []
    for file in _scenario_files(options.paths):
        try:
            scenarios.append(read_scenario(file))
        except ScenarioBroken as error:
            code = _complain(error)
    for scenario in scenarios:
        print(f"{scenario.id}: {scenario.title}")
        print(f"    {len(scenario.calls)} calls; exercises {', '.join(scenario.exercises)}")
    print(f"{len(scenarios)} scenarios, {sum(len(scenario.calls) for scenario in scenarios)} calls")
    return code


def _requirements(options: argparse.Namespace) -> int:
    from conformance.contract.registry import registry
    from conformance.contract.validation import nearest
    from conformance.report.text import render_requirement

    known = registry()
    for name in options.ids:
        if name not in known:
            raise NothingToDo(
                f"there is no requirement {name}{nearest(name, known)}",
                "The list: gemini-conformance requirements",
            )
        print("\n".join(render_requirement(known[name])))
    if not options.ids:
        for requirement in known.values():
            print(
                f"{requirement.id:<15} {requirement.level:<6} {requirement.party:<6} {requirement.confidence:<10} {requirement.says}"
            )
        print(f"{len(known)} requirements", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
