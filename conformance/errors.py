"""Every exception of the project, each with a hint and the exit code of the command line.

A run goes through these steps; beside each, what may end it:

    find the data      DataFolderMissing
    read the contract  SchemaBroken, RequirementBroken            a fault of the harness (3)
    read the input     PathMissing, NothingToDo, UsageRefused     a fault of the call (2)
                       RecordsDiffer                              a fault of the call (2)
                       RecordingUnreadable, RecordBroken          a finding about the input (1)
                       ScenarioBroken, CassetteBroken             a fault of the file (2)
                       OpenapiUnusable                            a fault of the file (2)
    reach the target   TargetUnreachable, KeyMissing              not enough evidence (5), usage (2)
    ask it             KeyRefused                                 usage (2)
                       EndpointStrange                            a finding about the endpoint (1)
                       BudgetSpent, TargetBusy, KeyLost,
                       EndpointLacking, RecordingHalf             not enough evidence (5)
    meet its needs     NeedUnmet                                  not applicable, or not enough evidence (5)
    serve              PortTaken, AddressRefused                  usage (2)
    forward            ForwarderLost                              a fault of the harness (3)
    read the cases     CaseBroken                                 a fault of the file (2)
    read what is known KnownBroken                                a fault of the file (2)
    read the mutants   MutantBroken                               a fault of the file (2)
    name a driver      DriverUnknown                              usage (2)
    drive a client     TesteeMissing, TesteeNotReady,
                       TesteeBroken                               a client that cannot be driven (4)
    tell the outcome   OutputLost, FileTaken                      usage (2)
                       SecretLeft, RecordingWrong                 a finding about what was recorded (1)

The class name is the fact, the message holds the values, the hint is the next action. This module imports
nothing of ours, so that everyone may import it.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "AddressRefused",
    "BudgetSpent",
    "CaseBroken",
    "CassetteBroken",
    "CassetteMiss",
    "ConformanceError",
    "DataFolderMissing",
    "DriverUnknown",
    "EndpointLacking",
    "EndpointStrange",
    "FileBroken",
    "FileTaken",
    "ForwarderLost",
    "KeyLost",
    "KeyMissing",
    "KeyRefused",
    "KnownBroken",
    "MutantBroken",
    "NeedUnmet",
    "NothingToDo",
    "OpenapiUnusable",
    "OutputLost",
    "PathMissing",
    "PortTaken",
    "RecordBroken",
    "RecordingHalf",
    "RecordingUnreadable",
    "RecordingWrong",
    "RecordsDiffer",
    "RequirementBroken",
    "ScenarioBroken",
    "SchemaBroken",
    "SecretLeft",
    "TargetBusy",
    "TargetUnreachable",
    "TesteeBroken",
    "TesteeMissing",
    "TesteeNotReady",
    "UsageRefused",
]


def _told(file: str, where: str, problem: str) -> str:
    return f"{file} {where}: {problem}" if where else f"{file}: {problem}"


@dataclass(eq=False)
class ConformanceError(Exception):
    """What every error of the harness is: one sentence, a hint, an exit code."""

    exit_code: ClassVar[int] = 3

    @property
    def hint(self) -> str:
        """The next action of the person who reads the error; empty when there is none."""
        return ""


@dataclass(eq=False)
class FileBroken(ConformanceError):
    """A file of somebody's makes no sense at some place; where is empty for the whole file."""

    file: str
    where: str
    problem: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return _told(self.file, self.where, self.problem)


@dataclass(eq=False)
class DataFolderMissing(ConformanceError):
    """A data folder lies neither in the checkout nor in the installed package."""

    name: str

    def __str__(self) -> str:
        return f"the data folder {self.name!r} is not where the package expects it"

    @property
    def hint(self) -> str:
        return "Install the package again: the wheel is incomplete."


@dataclass(eq=False)
class SchemaBroken(ConformanceError):
    """A schema cannot be used: it does not resolve, has no `$id`, or uses a keyword we do not implement."""

    file: str
    where: str
    problem: str

    def __str__(self) -> str:
        return _told(self.file, self.where, self.problem)

    @property
    def hint(self) -> str:
        return "schemas/README.md lists the keywords and how files refer to each other."


@dataclass(eq=False)
class RequirementBroken(ConformanceError):
    """A requirement cannot be used: no source, an id given twice, an unknown check."""

    file: str
    requirement: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file} {self.requirement}: {self.problem}"

    @property
    def hint(self) -> str:
        return "conformance/contract/requirements/README.md shows a full requirement."


@dataclass(eq=False)
class UsageRefused(ConformanceError):
    """The words of a call do not fit together."""

    problem: str
    advice: str = ""
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return self.problem

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class PathMissing(ConformanceError):
    """A path named on the command line does not exist or cannot be opened."""

    path: str
    problem: str = "no such file or folder"
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"

    @property
    def hint(self) -> str:
        return "Give a file or a folder that exists; paths are taken from the current folder."


@dataclass(eq=False)
class OutputLost(ConformanceError):
    """What stdout leads to takes no more: a full disk."""

    problem: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"the output cannot be written: {self.problem}"

    @property
    def hint(self) -> str:
        return "Send stdout to a place that takes it, and run again."


@dataclass(eq=False)
class NothingToDo(ConformanceError):
    """What was asked for selects nothing, so that nothing could be judged."""

    problem: str
    advice: str = ""
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return self.problem

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class RecordingUnreadable(ConformanceError):
    """A recording cannot be read to its end: truncated, binary, too large, not what its form promises."""

    file: str
    problem: str
    advice: str = ""
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class RecordBroken(ConformanceError):
    """A file is no record of a run, or a line of it is broken; line 0 is the whole file."""

    file: str
    line: int
    problem: str
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return _told(self.file, f"line {self.line}" if self.line else "", self.problem)

    @property
    def hint(self) -> str:
        return "Give the file that `run`, `client` or `lint --record FILE` wrote, and do not edit it."


@dataclass(eq=False)
class RecordsDiffer(ConformanceError):
    """Two records are not of one run, or hold the same part of it."""

    first: str
    second: str
    problem: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"{self.first} and {self.second} do not belong together: {self.problem}"

    @property
    def hint(self) -> str:
        return "The parts of a run, and what resumes one, need the same options, files and version."


@dataclass(eq=False)
class OpenapiUnusable(FileBroken):
    """A document cannot be compared: not OpenAPI, no interactions, a reference that leads nowhere."""

    @property
    def hint(self) -> str:
        return "Give an OpenAPI 3 document in JSON, in one file, that has POST …/interactions."


@dataclass(eq=False)
class ScenarioBroken(FileBroken):
    """A scenario file is not a scenario, or its parts do not fit together."""

    @property
    def hint(self) -> str:
        return "scenarios/README.md shows a full scenario."


@dataclass(eq=False)
class RecordingHalf(ConformanceError):
    """A conversation was cut off, so that a cassette of it would miss what comes after."""

    scenario: str
    problem: str
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return f"{self.scenario}: nothing was recorded: {self.problem}"

    @property
    def hint(self) -> str:
        return "A scenario is recorded whole or not at all: record it again."


@dataclass(eq=False)
class CassetteBroken(ConformanceError):
    """The cassette of a scenario is missing or cannot be read."""

    file: str
    problem: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"

    @property
    def hint(self) -> str:
        return "Record it with `gemini-conformance record`; --cassettes DIR takes them from elsewhere."


@dataclass(eq=False)
class FileTaken(ConformanceError):
    """Another process writes the same file just now."""

    file: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"{self.file} is being written by another process"

    @property
    def hint(self) -> str:
        return "Wait for it, or choose another folder with --to."


@dataclass(eq=False)
class SecretLeft(ConformanceError):
    """What was to be written still holds a secret; nothing was written."""

    file: str
    where: str
    found: str
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return f"{self.file} is not written: {self.where} would hold a secret: {self.found}"

    @property
    def hint(self) -> str:
        return "Take it out of the scenario; if it is not there, report this: redaction should have found it."


@dataclass(eq=False)
class RecordingWrong(ConformanceError):
    """What was recorded breaks the contract; nothing was written, so that it becomes no fixture."""

    file: str
    findings: Sequence[str]
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        more = f", and {len(self.findings) - 1} more" if len(self.findings) > 1 else ""
        return f"{self.file} is not written: the recording breaks {self.findings[0]}{more}"

    @property
    def hint(self) -> str:
        return "`run` tells more; --even-if-wrong writes it, with what is wrong in its provenance."


@dataclass(eq=False)
class CassetteMiss(ConformanceError):
    """A scenario sent a request which its cassette does not hold."""

    file: str
    request: str
    nearest: str
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return f"{self.file} holds no answer to {self.request}; {self.nearest}"

    @property
    def hint(self) -> str:
        return "The scenario was edited after it was recorded: record it again."


@dataclass(eq=False)
class TargetUnreachable(ConformanceError):
    """Nothing answers at the target, or it stopped answering."""

    url: str
    problem: str
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return f"{self.url} {self.problem}"

    @property
    def hint(self) -> str:
        return "Check the address and that the endpoint is running."


@dataclass(eq=False)
class KeyMissing(ConformanceError):
    """The live service needs a key and none is set."""

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return "the live service needs an API key: neither GEMINI_API_KEY nor GOOGLE_API_KEY is set"

    @property
    def hint(self) -> str:
        return "export GEMINI_API_KEY=… and run again."


@dataclass(eq=False)
class KeyRefused(ConformanceError):
    """The endpoint does not take the key."""

    url: str
    told: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"{self.url} refuses the key: {self.told}"

    @property
    def hint(self) -> str:
        return "Look whether the key is whole, is still good, and may use this API."


@dataclass(eq=False)
class KeyLost(ConformanceError):
    """The endpoint took the key before, and takes it no more."""

    url: str
    told: str
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return f"{self.url} takes the key no more: {self.told}"

    @property
    def hint(self) -> str:
        return "What was seen before is judged. Take another key, and go on with --resume RECORD."


@dataclass(eq=False)
class EndpointStrange(ConformanceError):
    """What answers is not this API, whatever is asked: a login page, a redirect, last year's schema."""

    url: str
    told: str
    advice: str
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return f"{self.url} {self.told}"

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class EndpointLacking(EndpointStrange):
    """The endpoint has no Interactions API, so that nothing of it can be judged."""

    exit_code: ClassVar[int] = 5


@dataclass(eq=False)
class BudgetSpent(ConformanceError):
    """What may be spent does not suffice for the next request."""

    problem: str
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return self.problem

    @property
    def hint(self) -> str:
        return "Give more with --budget, or select fewer scenarios."


@dataclass(eq=False)
class TargetBusy(ConformanceError):
    """The endpoint answers 429 or 503 for longer than is waited."""

    url: str
    problem: str
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return f"{self.url} {self.problem}"

    @property
    def hint(self) -> str:
        return "Run again later, or with a key that may ask for more."


@dataclass(eq=False)
class NeedUnmet(ConformanceError):
    """A model or an account cannot do or has not what a scenario needs, so that it is not played."""

    problem: str
    exit_code: ClassVar[int] = 5

    def __str__(self) -> str:
        return self.problem


@dataclass(eq=False)
class PortTaken(ConformanceError):
    """The port asked for is in use."""

    host: str
    port: int
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"port {self.port} on {self.host} is in use"

    @property
    def hint(self) -> str:
        return "Choose another with --port, or leave it out: the kernel then gives a free one."


@dataclass(eq=False)
class AddressRefused(ConformanceError):
    """A server was asked to bind to an address that other machines can reach."""

    host: str
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"{self.host} is not a loopback address"

    @property
    def hint(self) -> str:
        return "Servers bind to 127.0.0.1 or ::1; --allow-remote lifts this."


@dataclass(eq=False)
class ForwarderLost(ConformanceError):
    """The process of a proxy that forwards has died."""

    def __str__(self) -> str:
        return "the process that forwards has ended by itself; what passed before is kept"

    @property
    def hint(self) -> str:
        return "Start the proxy again; if it was not killed, that is our fault: please report it."


@dataclass(eq=False)
class CaseBroken(FileBroken):
    """A file of client cases is none, or a case in it makes no sense."""

    @property
    def hint(self) -> str:
        return "conformance/testees/cases/README.md shows a full case."


@dataclass(eq=False)
class MutantBroken(FileBroken):
    """A file of mutants is none, or a mutant in it makes no sense."""

    @property
    def hint(self) -> str:
        return "conformance/mutants/servers/README.md shows a full mutant."


@dataclass(eq=False)
class KnownBroken(FileBroken):
    """A list of known failures is none, or an entry in it makes no sense."""

    @property
    def hint(self) -> str:
        return "Mend the entry, or have the list written again: --write-known FILE. README.md shows one."


@dataclass(eq=False)
class DriverUnknown(ConformanceError):
    """No bundled driver has this name."""

    name: str
    names: Sequence[str]
    nearest: str = ""
    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"there is no bundled driver {self.name!r}; there are {', '.join(self.names)}"

    @property
    def hint(self) -> str:
        if self.nearest:
            return f"Did you mean {self.nearest}?"
        return (
            "A driver of your own is given as a command after --; gemini-conformance testee new writes one."
        )


@dataclass(eq=False)
class TesteeMissing(ConformanceError):
    """The command of a driver cannot be started."""

    command: Sequence[str]
    problem: str
    exit_code: ClassVar[int] = 4
    __test__: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{shlex.join(self.command)} cannot be started: {self.problem}"

    @property
    def hint(self) -> str:
        return "Give the command of a driver after --, as you would type it in this folder."


@dataclass(eq=False)
class TesteeNotReady(ConformanceError):
    """The driver did not say `ready` in time, ended before, or said something else."""

    command: Sequence[str]
    problem: str
    first_line: str = ""
    log: str = ""
    exit_code: ClassVar[int] = 4
    __test__: ClassVar[bool] = False

    def __str__(self) -> str:
        said = f"; it printed {ascii(self.first_line)}" if self.first_line else ""
        last = f"; stderr ends in {ascii(self.log)}" if self.log else ""
        return f"{shlex.join(self.command)} {self.problem}; expected a ready message{said}{last}"

    @property
    def hint(self) -> str:
        if self.first_line:
            return "stdout belongs to the protocol: send logs and banners to stderr."
        return "Run the command by hand: it should print one JSON line of type 'ready', then wait."


@dataclass(eq=False)
class TesteeBroken(ConformanceError):
    """The driver ended, or had to be ended, more often than is allowed."""

    command: Sequence[str]
    problem: str
    exit_code: ClassVar[int] = 4
    __test__: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{shlex.join(self.command)} {self.problem}"

    @property
    def hint(self) -> str:
        return "What the driver printed on stderr is in the record; mend the first crash first."
