"""The table: rows in sections, the targets and their verdicts."""

import statistics
import textwrap

LINE = 120
WIDTH = 34
CELL = 12


def number(value, unit=""):
    """Three digits that count."""
    if value is None:
        return "-"
    text = f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"
    return text + (" " + unit if unit else "")


def spread(values, unit=""):
    """Cells min, median, max."""
    return [number(v, unit) for v in (min(values), statistics.median(values), max(values))]


class Table:
    """Lines as they come, and everything once more as a value for --json."""

    def __init__(self):
        self.verdicts = []

    @staticmethod
    def line(text=""):
        print(text, flush=True)

    def heading(self, text, *columns):
        self.line()
        self.line(f"{text:<{WIDTH}}" + "".join(f"{c:>{CELL}}" for c in columns))

    def row(self, label, *cells):
        self.line(f"  {label:<{WIDTH - 2}}" + "".join(f"{c:>{CELL}}" for c in cells))

    def note(self, text):
        for line in textwrap.wrap(f"({text})", LINE):
            self.line("  " + line)

    def verdict(self, what, value, bound, unit="", at_least=True):
        """A target, met or missed by how much."""
        met = value >= bound if at_least else value <= bound
        words = f"{'at least' if at_least else 'at most'} {number(bound, unit)}"
        judged = "met" if met else f"missed by {number(abs(value - bound), unit)}"
        self.verdicts.append({"what": what, "value": value, "bound": bound, "met": met})
        return f"target {judged}: {what} {number(value, unit)} ({words})"
