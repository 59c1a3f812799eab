r"""What a run was to cost, and what it has cost: requests, tokens and seconds.

print("\n".join(render_forecast(tally, {"requests": 40})))
print("\n".join(render_spent(tally)))
"""

from collections.abc import Iterator, Mapping

from conformance.report.record import Line
from conformance.report.tally import Tally

__all__ = ["render_forecast", "render_spent", "spent_line"]

_NAMES = ("requests", "tokens")


def render_forecast(tally: Tally, budget: Mapping[str, int]) -> Iterator[str]:
    """What would be sent, in its order, with what each scenario costs and shows that none before it shows."""
    sent = [line for line in tally.scenarios if "forecast" in line and "beyond" not in line["problem"]]
    beyond = [line for line in tally.scenarios if "forecast" in line and "beyond" in line["problem"]]
    others = [line for line in tally.scenarios if "forecast" not in line]
    width = max((len(line["subject"]) for line in tally.scenarios), default=0)
    shown: set[str] = set()
    yield "would be sent, in this order"
    for line in sent:
        new = set(line["forecast"]["shows"]) - shown
        shown |= new
        yield f"    {line['subject']:<{width}}  {_cost(line['forecast'])}  {len(new):>3} new requirements"
    for told, lines in (("beyond the budget", beyond), ("would not be sent", others)):
        if lines:
            yield told
            for line in lines:
                why = _cost(line["forecast"]) if "forecast" in line else line["problem"]
                yield f"    {line['subject']:<{width}}  {why}"
    totals = {name: sum(line["forecast"][name] for line in sent) for name in _NAMES}
    limits = " of at most " + ", ".join(f"{most:,} {name}" for name, most in budget.items()) if budget else ""
    cost = f"{totals['requests']:,} requests, about {totals['tokens']:,} tokens{limits}"
    told = f"{len(sent)} scenarios, {len(shown)} requirements: {cost}"
    yield f"{told}; nothing was sent, and what is asked again comes on top"


def _cost(forecast: Line) -> str:
    return f"{forecast['requests']:>3} requests {forecast['tokens']:>7,} tokens"


def render_spent(tally: Tally) -> Iterator[str]:
    """What was spent of what, how often the endpoint was busy, and what was left behind."""
    for line in tally.spent:
        yield spent_line(line)
        if line["left"]:
            yield f"left behind: {', '.join(line['left'])}"


def spent_line(line: Line) -> str:
    """One line of the record, for people."""
    parts = [_of(line, name, f"{line[name]:,}") for name in _NAMES]
    parts.append(_of(line, "seconds", f"{line['seconds']:.0f}"))
    told = f"spent: {', '.join(parts)}"
    if line["busy"]:
        times = ", ".join(f"HTTP {status} ×{count}" for status, count in line["busy"].items())
        told += f" · busy {times}, {line['paused_s']:.0f} s waited"
    if line["lost"]:
        told += f" · {line['lost']} without an answer"
    if line["stored"]:
        gone = line["stored"] - len(line["left"])
        told += f" · {gone} of {line['stored']} stored interactions are gone again"
    return told


def _of(line: Line, name: str, amount: str) -> str:
    most = line["budget"].get(name)
    return f"{amount} of {most:,} {name}" if most is not None else f"{amount} {name}"
