"""One server, several tools: each meets it fresh, and what it says of the right server does not count.

right = on_the_right_server(available, Path("work"))
line = on_a_mutant(mutant, available, right, Path("work"))
line["tools"]["llm-comply"]["caught"]
"""

import multiprocessing
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from conformance.mutants.mutant import Mutant, read_mutants
from conformance.mutants.running import run_server
from conformance.server import Service, serving
from tests.rivals.servers import SEED, Beside, standing
from tests.rivals.tools import Tool, run_tool, tools

__all__ = ["on_a_mutant", "on_mutants", "on_the_right_server"]

_RIGHT_RUNS = 2

Findings = dict[str, list[str]]


def on_the_right_server(available: Iterable[Tool], work: Path) -> Findings:
    """What each tool finds wrong with the right server, in two runs.

    Raises:
        RuntimeError: a run was not over in time, or has no report.
    """
    found: Findings = {}
    for tool in available:
        runs = []
        for _ in range(_RIGHT_RUNS):
            with serving(answering=Service(SEED)) as server:
                runs.append(run_tool(tool, server.url, work / f"right-{tool.name}", right=True))
        for run in runs:
            if run.problem:
                raise RuntimeError(f"{tool.name} against the right server: {run.problem}")
        found[tool.name] = sorted({finding for run in runs for finding in run.findings})
    return found


def on_a_mutant(mutant: Mutant, available: Iterable[Tool], right: Findings, work: Path) -> dict[str, Any]:
    """Run every tool against one mutant, and the mutant's own scenarios; give the line of the results."""
    line: dict[str, Any] = {
        "mutant": mutant.name,
        "area": mutant.area,
        "title": mutant.title,
        "stands": "exchange" in mutant.mutate.get("when", {}),
        "profile": mutant.profile,
        "scenarios": run_server(mutant)["outcome"],
        "tools": {},
    }
    for tool in available:
        service = Beside(standing(mutant.mutate))
        folder = work / f"{mutant.name}-{tool.name}"
        with serving(answering=service) as server:
            told = run_tool(tool, server.url, folder, right=False)
        more = {} if told.problem else tool.more(folder, mutant)
        shutil.rmtree(folder, ignore_errors=True)
        new = sorted(told.findings - set(right[tool.name]))
        line["tools"][tool.name] = {
            "caught": any(not one.startswith(tool.aside) for one in new),
            "findings": new,
            "seconds": round(told.seconds, 2),
            "asked": service.asked,
            "met": service.met,
            "crashes": service.crashes,
            "problem": told.problem,
            **more,
        }
    return line


def on_mutants(
    mutants: Sequence[Mutant], *, limit_s: float, right: Findings, work: Path, processes: int = 1
) -> Iterator[dict[str, Any]]:
    """Run the tools that met the right server against every mutant; give the lines in order."""
    job = partial(_job, limit_s=limit_s, right=right, work=work)
    names = [one.name for one in mutants]
    if processes == 1:
        yield from map(job, names)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(job, names, chunksize=1)


def _job(name: str, *, limit_s: float, right: Findings, work: Path) -> dict[str, Any]:
    mutant = next(one for one in read_mutants() if one.name == name)
    available = tools(limit_s)
    return on_a_mutant(mutant, [available[tool] for tool in right], right, work)
