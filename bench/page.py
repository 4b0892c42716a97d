"""The page of the documentation that shows the figures, between each engine's markers, and the plots on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from engines.base import OURS, Engine
from machine import described
from matplotlib.figure import Figure
from report import Measured, duration, replace_section, shown_peers

_BAR: Final = "#1f6f8b"
_MARKS: Final = (
    ("o", "#c0504d"),
    ("s", "#d99a2b"),
    ("D", "#7a5195"),
    ("^", "#4b9b6e"),
    ("v", "#b0699a"),
    ("P", "#6b6b6b"),
    ("X", "#2b6cb0"),
    ("*", "#222222"),
)
"""How the others are marked, in the order of the tables: enough for as many as any engine has."""
_TEXT: Final = "#333333"


def write(
    engine: Engine, rows: list[Measured], versions: list[str], docs: Path, folder: Path, load: float
) -> None:
    """Replace what stands between the engine's markers, and its plot."""
    image = f"images/bench-{engine.name}.svg"
    figures = "\n".join(_figures(engine, rows, [*described(folder, load), *versions], image))
    replace_section(docs / "benchmarks.md", f"figures of {engine.name}", figures)
    (docs / image).parent.mkdir(exist_ok=True)
    _draw(engine, rows).savefig(docs / image, format="svg", metadata={"Date": None})


def _figures(engine: Engine, rows: list[Measured], facts: list[str], image: str) -> Iterator[str]:
    yield f"![Times on {engine.title} relative to hand-written code]({image})"
    yield ""
    for colour in dict.fromkeys(row.colour for row in rows):
        mine = [row for row in rows if row.colour == colour]
        peers = shown_peers(mine)
        yield f"### {engine.title}, {'synchronous' if colour == 'sync' else 'asynchronous'}"
        yield ""
        yield f"| | {engine.floors[colour]} | {' | '.join(peer.label for peer in peers)} | target |"
        yield f"|---|{'---:|' * (len(peers) + 2)}"
        for row in mine:
            yield _line(row, [peer.name for peer in peers])
        yield ""
    yield f"### {engine.title}: machine and versions"
    yield ""
    yield f"- {dt.datetime.now(dt.UTC):%d %B %Y}, {len(rows[0].rounds)} rounds"
    yield from (f"- {line}" for line in facts)


def _line(row: Measured, names: list[str]) -> str:
    cells = [row.operation.title, duration(row.floor)]
    for name in names:
        if not row.has(name):
            cells.append("")
            continue
        low, middle, high = row.ratio(name)
        cells.append(f"**{middle:.2f}** ({low:.2f} to {high:.2f})")
    cells.append("" if row.target is None else f"{row.target:.2f}{'' if row.is_met else ', **missed**'}")
    return f"| {' | '.join(cells)} |"


def _draw(engine: Engine, rows: list[Measured]) -> Figure:
    mpl.rcParams.update({"svg.hashsalt": "torematrix", "svg.fonttype": "none", "font.family": "sans-serif"})
    colours = list(dict.fromkeys(row.colour for row in rows))
    peers = shown_peers(rows)
    marks = dict(zip([peer.name for peer in peers if peer.name != OURS], _MARKS, strict=False))
    counts = [sum(row.colour == colour for row in rows) for colour in colours]
    figure = Figure(figsize=(9, 1.6 + 0.36 * sum(counts)), layout="constrained", facecolor="white")
    panels = figure.subplots(len(colours), 1, sharex=True, height_ratios=counts, squeeze=False)
    for panel, colour in zip(panels[:, 0], colours, strict=True):
        mine = [row for row in rows if row.colour == colour]
        for peer in peers:
            found = [(at, row.ratio(peer.name)) for at, row in enumerate(mine) if row.has(peer.name)]
            heights, middles = [at for at, _ in found], [middle for _, (_, middle, _) in found]
            if peer.name != OURS:
                shape, tint = marks[peer.name]
                panel.scatter(middles, heights, 34, color=tint, marker=shape, label=peer.label, zorder=3)
                continue
            panel.barh(heights, middles, 0.62, color=_BAR, label=peer.label)
            for at, (low, middle, high) in found:
                panel.plot((low, high), (at, at), color=_TEXT, linewidth=1)
                left = panel.get_yaxis_transform()
                panel.text(
                    0.005, at, f"{middle:.2f}", transform=left, va="center", fontsize=7.5, color="white"
                )
        panel.axvline(1, color=_TEXT, linewidth=1)
        panel.set_yticks(range(len(mine)), [row.operation.title for row in mine], fontsize=8.5)
        panel.invert_yaxis()
        panel.set_title(f"{colour}, {engine.floors[colour]} = 1", loc="left", fontsize=10)
        panel.set_xscale("log")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
    last = panels[-1, 0]
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    last.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    last.minorticks_off()
    last.set_xlabel(
        "time relative to hand-written code: further left is faster (the line on a bar: quartiles)",
        fontsize=9,
    )
    labels: dict[str, Any] = {}
    for panel in panels[:, 0]:
        handles, names = panel.get_legend_handles_labels()
        labels |= dict(zip(names, handles, strict=True))
    figure.legend(labels.values(), labels.keys(), loc="outside upper right", ncols=4, fontsize=9)
    return figure
