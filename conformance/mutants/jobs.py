"""Everything that is to be run, and running it here or in several processes.

    for line in run_jobs(jobs(["usage"]), processes=2):
        record.write(line)

A job is data, so that it can go to another process: what it is called, and which kind it is. With the
mutants come the controls that they need: the right server on each scenario that a mutant plays, the control
client, the right conversations.
"""

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import get_args

from conformance.contract.places import folder
from conformance.errors import DataFolderMissing
from conformance.mutants.clients import catching, run_client, run_right_client
from conformance.mutants.lines import Kind
from conformance.mutants.mutant import Mutant, read_mutants
from conformance.mutants.running import run_control, run_server
from conformance.mutants.traces import conversations, run_right_trace, run_trace, violations
from conformance.report.record import Line
from conformance.testees.wrong import WRONG

__all__ = ["Job", "jobs", "run_job", "run_jobs", "untraced"]


@dataclass(frozen=True, slots=True)
class Job:
    """One mutant, or one control."""

    kind: Kind
    name: str
    control: bool = False


def untraced() -> str:
    """Say why the mutated traces cannot be run here; empty where they can."""
    try:
        folder("conversations")
    except DataFolderMissing:
        return "this installation has no folder of conversations: run them from a checkout"
    if find_spec("jsonpatch") is None:
        return "jsonpatch is not installed: pip install 'gemini-conformance[tests]'"
    return ""


def jobs(words: Sequence[str] = (), kinds: Sequence[Kind] = ()) -> list[Job]:
    """Give the mutants whose name, area, or requirement holds one of the words, and their controls.

    kinds: the kinds to run; none stands for all. The slow ones come first.
    """
    wanted = kinds or get_args(Kind)
    found: list[Job] = []
    if "client" in wanted:
        clients = [name for name, judged in _clients().items() if _holds(words, (name, *judged))]
        right = [Job("client", "", control=True)] if clients else []
        found += [*right, *(Job("client", name) for name in clients)]
    if "server" in wanted:
        servers = [one for one in _servers().values() if _holds(words, (one.name, one.area, *one.breaks))]
        scenarios = sorted({scenario for one in servers for scenario in one.play})
        found += [Job("server", name, control=True) for name in scenarios]
        found += [Job("server", one.name) for one in servers]
    if "trace" in wanted and not untraced():
        traces = [path.stem for path in violations() if _holds(words, (path.stem,))]
        right = [Job("trace", name, control=True) for name in conversations()] if traces else []
        found += [*right, *(Job("trace", name) for name in traces)]
    return found


def _holds(words: Sequence[str], texts: Iterable[str]) -> bool:
    told = [text.lower() for text in texts]
    return not words or any(word.lower() in text for word in words for text in told)


def run_job(job: Job) -> Line:
    """Run one job; give its line."""
    match job:
        case Job("client", control=True):
            return run_right_client()
        case Job("server", name, control=True):
            return run_control(name)
        case Job("trace", name, control=True):
            return run_right_trace(name)
        case Job("client", name):
            return run_client(name)
        case Job("server", name):
            return run_server(_servers()[name])
    return run_trace(folder("violations") / f"{job.name}.yaml")


@cache
def _clients() -> dict[str, list[str]]:
    """The requirements that the cases judge which claim to catch each wrong client."""
    judged = {name: [case.judges for case in catching(name)] for name in WRONG}
    return {name: found for name, found in judged.items() if found}


@cache
def _servers() -> dict[str, Mutant]:
    return {mutant.name: mutant for mutant in read_mutants()}


def run_jobs(chosen: Sequence[Job], *, processes: int = 1) -> Iterator[Line]:
    """Run jobs, in their order, in so many processes."""
    if processes == 1:
        yield from map(run_job, chosen)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(run_job, chosen, chunksize=1)
