"""The page of the documentation that shows the figures, between its markers, and the plot on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import matplotlib as mpl
from machine import described
from matplotlib.figure import Figure
from report import FLOORS, NAMES, Measured, duration

BEGIN: Final = "<!-- figures: begin (written by `make bench`) -->"
END: Final = "<!-- figures: end -->"
IMAGE: Final = "images/bench-sqlite.svg"

_COLOURS: Final = {"ours": "#1f6f8b", "orm": "#c9a86a"}
_TEXT: Final = "#333333"


def write(rows: list[Measured], docs: Path, folder: Path, load: float) -> None:
    """Replace what stands between the markers, and the plot."""
    page = docs / "benchmarks.md"
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    figures = "\n".join(_figures(rows, folder, load))
    page.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")
    (docs / IMAGE).parent.mkdir(exist_ok=True)
    _draw(rows).savefig(docs / IMAGE, format="svg", metadata={"Date": None})


def _figures(rows: list[Measured], folder: Path, load: float) -> Iterator[str]:
    yield f"![Times relative to hand-written code]({IMAGE})"
    yield ""
    for colour in dict.fromkeys(row.colour for row in rows):
        yield f"## {'Synchronous' if colour == 'sync' else 'Asynchronous'}"
        yield ""
        yield f"| | {FLOORS[colour]} | {' | '.join(NAMES.values())} | target |"
        yield "|---|---:|---:|---:|---:|"
        for row in rows:
            if row.colour == colour:
                yield _line(row)
        yield ""
    yield "## Machine and versions"
    yield ""
    yield f"- {dt.datetime.now(dt.UTC):%d %B %Y}, {len(rows[0].rounds)} rounds"
    yield from (f"- {line}" for line in described(folder, load))


def _line(row: Measured) -> str:
    cells = [row.operation.title, duration(row.floor)]
    for name in NAMES:
        low, middle, high = row.ratio(name)
        cells.append(f"**{middle:.2f}** ({low:.2f} to {high:.2f})")
    target = row.operation.target
    cells.append("" if target is None else f"{target:.2f}{'' if row.is_met else ', **missed**'}")
    return f"| {' | '.join(cells)} |"


def _draw(rows: list[Measured]) -> Figure:
    mpl.rcParams.update({"svg.hashsalt": "torematrix", "svg.fonttype": "none", "font.family": "sans-serif"})
    colours = list(dict.fromkeys(row.colour for row in rows))
    counts = [sum(row.colour == colour for row in rows) for colour in colours]
    figure = Figure(figsize=(9, 1.2 + 0.42 * sum(counts)), layout="constrained", facecolor="white")
    panels = figure.subplots(len(colours), 1, sharex=True, height_ratios=counts, squeeze=False)
    for panel, colour in zip(panels[:, 0], colours, strict=True):
        mine = [row for row in rows if row.colour == colour]
        for place, (name, label) in enumerate(NAMES.items()):
            heights = [at + (place - 0.5) * 0.38 for at in range(len(mine))]
            ratios = [row.ratio(name) for row in mine]
            middles = [middle for _, middle, _ in ratios]
            errors = [
                [middle - low for low, middle, _ in ratios],
                [high - middle for _, middle, high in ratios],
            ]
            panel.barh(heights, middles, 0.36, color=_COLOURS[name], label=label)
            panel.errorbar(
                middles, heights, xerr=errors, fmt="none", ecolor=_TEXT, elinewidth=0.8, capsize=1.5
            )
            for height, (_, middle, high) in zip(heights, ratios, strict=True):
                panel.text(high * 1.03, height, f"{middle:.2f}", va="center", fontsize=7.5, color=_TEXT)
        panel.axvline(1, color=_TEXT, linewidth=1)
        panel.set_yticks(range(len(mine)), [row.operation.title for row in mine], fontsize=8.5)
        panel.invert_yaxis()
        panel.set_title(f"{colour}, {FLOORS[colour]} = 1", loc="left", fontsize=10)
        panel.set_xscale("log")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
    last = panels[-1, 0]
    ticks = [0.5, 1, 2, 5, 10, 20, 50]
    last.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    last.minorticks_off()
    last.set_xlabel(
        "time relative to hand-written code (shorter is faster; whiskers are quartiles)", fontsize=9
    )
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=9)
    return figure
