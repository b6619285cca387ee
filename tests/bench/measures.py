"""Measuring a thing beside its yardstick, in the same run: figures of one machine at one moment mean little alone."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of the table.

    Args:
        values: of each run, in `unit`.
        bar: what is not to be exceeded; None where none is set yet.
        yardstick: what it is measured against, in words.
        taken: what the yardstick took in each run, in `taken_unit`, where it is measured.
    """

    what: str
    values: Sequence[float]
    unit: str
    bar: float | None
    yardstick: str
    taken: Sequence[float] = ()
    taken_unit: str = " s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def held(self) -> bool:
        return self.bar is None or self.median <= self.bar

    def line(self) -> str:
        spread = f"{min(self.values):.2f} to {max(self.values):.2f}"
        verdict = "" if self.bar is None else "held" if self.held else "MISSED"
        allowed = "" if self.bar is None else f"≤ {self.bar:g}{self.unit}"
        taken = f": {statistics.median(self.taken):.3g}{self.taken_unit}" if self.taken else ""
        cells = (self.what, f"{self.median:.2f}{self.unit}", spread, allowed, verdict, self.yardstick + taken)
        return f"| {' | '.join(cells)} |"


def heading(machine: str) -> str:
    """What comes before the lines of the table of bars, in Markdown."""
    columns = "| what | median | least to most | bar | | yardstick, in the same run |\n|---|---|---|---|---|---|"
    return f"{machine}\n\n{columns}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the others do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
