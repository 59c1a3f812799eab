"""How often a thing has to be seen before it is believed: Wald's sequential probability ratio test.

    test = SequentialTest(seldom=0.05, often=0.5, wrong=0.05)
    while test.result is None:
        test.add(happened())
    test.result                     # "often" or "seldom"

Two guesses are weighed: that the thing happens in `seldom` of all tries, and that it happens in `often` of
them. As soon as one is so much likelier that it is wrong in at most `wrong` of such tests, that is the
result. No number of repetitions has to be chosen, and whatever is clear is clear soon. (A. Wald, Sequential
Tests of Statistical Hypotheses, 1945.)
"""

from dataclasses import dataclass, field
from math import log
from typing import Literal, TypeAlias

__all__ = ["Result", "SequentialTest"]

Result: TypeAlias = Literal["seldom", "often"]


@dataclass(slots=True)
class SequentialTest:
    """One thing, tried again and again.

    seldom, often: the shares between which it is decided; wrong: how often the result may be wrong.
    times, happened: how many tries there were, and in how many it happened.
    """

    seldom: float
    often: float
    wrong: float
    times: int = 0
    happened: int = 0
    result: Result | None = field(default=None, init=False)
    _weight: float = field(default=0.0, init=False)

    def add(self, happened: bool) -> Result | None:
        """Take one try into account; give the result, once there is one."""
        self.times += 1
        self.happened += happened
        if happened:
            self._weight += log(self.often / self.seldom)
        else:
            self._weight += log((1 - self.often) / (1 - self.seldom))
        bound = log((1 - self.wrong) / self.wrong)
        if self.result is None and abs(self._weight) >= bound:
            self.result = "often" if self._weight > 0 else "seldom"
        return self.result
