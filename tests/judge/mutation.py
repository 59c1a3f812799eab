"""Mutations of the judge and of the event-stream decoder: a seeded sample, and how many of them die.

    python -m tests.judge.mutation --seed 6 --sample 400

mutmut makes the mutations and runs the tests that pyproject.toml names, a process each, with a time limit.
Not drawn are those that change, drop or blank a string literal. The draw is by hash, so that it hardly moves
when the code does. Mutations that change nothing anybody could see are noted in `equivalent.yaml` with the
reason; a note that fits no mutation, or one that dies, is out of date.
"""

import argparse
import ast
import difflib
import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

import yaml

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("conformance/judge/*.py", "conformance/wire/sse.py")
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
DEAD = {"killed", "timeout", "segfault"}
LEAST = 0.9
LIMIT_S = 3600

_MUTANT = re.compile(r"(?P<of>x[_ǁ].*)__mutmut_(?:orig|\d+)")


Key: TypeAlias = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one function.

    name: what mutmut calls it; changes with the code.
    before, after: the lines of the function that differ, as `ast.unparse` writes them.
    nth: which of several that look alike, where a function says the same again.
    """

    name: str
    module: str
    function: str
    before: str
    after: str
    nth: int = 1

    @property
    def key(self) -> Key:
        """What it is, however it is called."""
        return (self.module, self.function, self.before, self.after, self.nth)

    def __str__(self) -> str:
        lines = [f"{self.module}, {self.function}", *_marked("-", self.before), *_marked("+", self.after)]
        return "\n".join(lines)


def _marked(sign: str, text: str) -> list[str]:
    return [f"  {sign} {line}" for line in text.splitlines()]


def mutations_of(path: Path) -> list[Mutation]:
    """All mutations of a module, those of string literals left out."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    name = path.relative_to(ROOT).as_posix()
    code = mutate_file_contents(name, path.read_text(encoding="utf-8")).code
    return mutations_in(
        code, path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    )


def mutations_in(code: str, module: str) -> list[Mutation]:
    """The mutations in what mutmut makes of a module: each function once as it was, then once a mutation."""
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef) and _MUTANT.fullmatch(node.name)
    }
    found: list[Mutation] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for name, mutant in functions.items():
        original = functions[f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"]
        if name != original.name and not _is_wording(original, mutant):
            function = re.sub(r"x[_ǁ]", "", name.rpartition("__mutmut_")[0], count=1).replace("ǁ", ".")
            before, after = _difference(original, mutant)
            seen[function, before, after] += 1
            nth = seen[function, before, after]
            found.append(Mutation(f"{module}.{name}", module, function, before, after, nth))
    return found


def _is_wording(before: ast.AST, after: ast.AST) -> bool:
    """Whether all that differs is a string literal."""
    return all(_is_string(node) for node in _replaced(before, after))


def _is_string(node: object) -> bool:
    match node:
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
            return True
        case ast.keyword(value=value):
            return _is_string(value)
    return False


def _replaced(before: object, after: object) -> Iterator[object]:
    """The smallest parts of `before` that `after` does not have at their place."""
    if type(before) is not type(after) or isinstance(before, ast.Constant):
        if not _same(before, after):
            yield before
    elif isinstance(before, ast.AST):
        for field in before._fields:
            if not (isinstance(before, ast.FunctionDef) and field == "name"):
                yield from _replaced(getattr(before, field), getattr(after, field))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from _replaced(one, other)
    elif isinstance(before, list) and isinstance(after, list):
        yield next(one for one, other in zip_longest(before, after) if not _same(one, other))
    elif before != after:
        yield before


def _same(one: object, other: object) -> bool:
    match one, other:
        case ast.AST() as first, ast.AST() as second:
            return ast.dump(first) == ast.dump(second)
    return one == other


def _difference(original: ast.FunctionDef, mutant: ast.FunctionDef) -> tuple[str, str]:
    before, after = (ast.unparse(node).splitlines()[1:] for node in (original, mutant))
    if before == after:  # a default value
        before, after = ([ast.unparse(node.args)] for node in (original, mutant))
    lines = list(difflib.ndiff(before, after))
    return tuple("\n".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+")  # type: ignore[return-value]


def drawn(mutations: Sequence[Mutation], sample: int, seed: int) -> list[Mutation]:
    """The first of them, in an order that depends on the seed and on what each of them is."""

    def lot(mutation: Mutation) -> str:
        *told, nth = mutation.key
        return hashlib.sha256(repr((seed, tuple(told) if nth == 1 else mutation.key)).encode()).hexdigest()

    return sorted(mutations, key=lot)[:sample]


def equivalents(mutations: Sequence[Mutation]) -> set[Key]:
    """The keys that are noted as equivalent.

    Raises:
        SystemExit: a note fits no mutation.
    """
    notes = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    noted = {
        (note["module"], note["function"], note["before"], note["after"], note.get("nth", 1))
        for note in notes
    }
    stale = noted - {mutation.key for mutation in mutations}
    if stale:
        told = "\n".join(
            f"  {module}, {function}: {before}" for module, function, before, *_ in sorted(stale)
        )
        raise SystemExit(f"No mutation is like these notes of {EQUIVALENT.name}; take them out:\n{told}")
    return noted


def statuses(mutations: Sequence[Mutation], processes: int) -> dict[str, str]:
    """What mutmut says of each mutation, by its name."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    names = [mutation.name for mutation in mutations]
    command = ["mutmut", "run", "--max-children", str(processes), *names]
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"mutmut took more than {LIMIT_S} s; draw fewer with --sample.") from None
    if ran.returncode:
        raise SystemExit(f"{ran.stdout[-5000:]}\n{ran.stderr[-5000:]}\nmutmut came to no end.")
    told = subprocess.check_output(["mutmut", "results", "--all", "true"], cwd=ROOT, text=True)
    lines = (line.strip().rpartition(": ") for line in told.splitlines())
    found = {name: status for name, _, status in lines}
    return {name: found[name] for name in names}


def main() -> None:
    """Draw, run, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="draw from modules and functions with this in their name")
    told = parser.parse_args()
    began = time.monotonic()
    everything = [
        found for source in SOURCES for path in sorted(ROOT.glob(source)) for found in mutations_of(path)
    ]
    noted = equivalents(everything)
    asked = [mutation for mutation in everything if told.only in f"{mutation.module}.{mutation.function}"]
    sample = drawn(asked, told.sample, told.seed)
    print(f"{len(sample)} of {len(asked)} mutations, seed {told.seed}", flush=True)
    found = statuses(sample, told.processes)
    lines, fine = verdict(sample, found, noted)
    print(*lines, f"{time.monotonic() - began:.0f} s", sep="\n")
    sys.exit(not fine)


def verdict(
    sample: Sequence[Mutation], found: Mapping[str, str], noted: Collection[Key]
) -> tuple[list[str], bool]:
    """What to print, and whether enough of them die and no note is out of date."""
    alive = [mutation for mutation in sample if found[mutation.name] not in DEAD]
    revived = [mutation for mutation in sample if mutation.key in noted and mutation not in alive]
    survivors = [mutation for mutation in alive if mutation.key not in noted]
    died = len(sample) - len(alive)
    counts = ", ".join(f"{count} {status}" for status, count in Counter(found.values()).most_common())
    lines = [
        *(f"\n{found[mutation.name]}: {mutation}" for mutation in survivors),
        *(f"\nnoted as equivalent, and dies: {mutation}" for mutation in revived),
        f"\n{counts}; {len(alive) - len(survivors)} of the survivors are equivalent",
        f"{died / len(sample):.1%} die",
    ]
    return lines, not revived and died >= LEAST * len(sample)


if __name__ == "__main__":
    main()
