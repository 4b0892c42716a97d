"""The section of the page that shows how cost grows, and its curves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from report import duration, replace_section

_TEXT: Final = "#333333"
_MIB: Final = 2**20


def write(found: dict[str, Any], operations: Mapping[str, str], name: str, docs: Path) -> None:
    """Replace what stands between the engine's markers, and its plot."""
    image = f"images/growth-{name}.svg"
    text = "\n".join(_lines(found, operations, image))
    replace_section(docs / "benchmarks.md", f"growth of {name}", text, "make growth")
    _draw(found, operations).savefig(docs / image, format="svg", metadata={"Date": None})


def _lines(found: dict[str, Any], operations: Mapping[str, str], image: str) -> Iterator[str]:
    sizes = list(found["sizes"])
    yield f"![How cost grows on {found['engine']}]({image})"
    yield ""
    yield f"| {found['engine']} | {' | '.join(f'{size:,}' for size in sizes)} | growth |"
    yield f"|---|{'---:|' * (len(sizes) + 1)}"
    for name, title in operations.items():
        taken = [found["sizes"][size]["nanoseconds"][name] / 1000 for size in sizes]
        yield f"| {title} | {' | '.join(map(duration, taken))} | {taken[-1] / taken[0]:.2f} |"
    rates = [_rate(found["sizes"][size]["stored"]["seconds"]) for size in sizes]
    yield f"| documents stored in a second, 10,000 at once | {' | '.join(f'{rate:,.0f}' for rate in rates)} | |"
    for title, of in (("filled it", lambda one: one["stored"]), ("measured it", lambda one: one)):
        peaks = [of(found["sizes"][size])["peak_memory"] / _MIB for size in sizes]
        yield f"| memory of the process that {title} | {' | '.join(f'{peak:,.0f} MiB' for peak in peaks)} | |"
    yield ""
    if files := found.get("files"):
        parts = [
            f"{name} {sizes[-1] / files[name]['seconds']:,.0f} documents a second in "
            f"{files[name]['peak_memory'] / _MIB:,.0f} MiB of memory"
            for name in ("export", "import")
        ]
        yield f"To a file of {files['bytes'] / _MIB:,.0f} MiB and from it, exactly: {', '.join(parts)}."
        yield ""
    yield f"- {dt.datetime.now(dt.UTC):%d %B %Y}"
    yield from (f"- {line}" for line in (*found["machine"], *found["versions"]))


def _rate(seconds: list[float]) -> float:
    return 10_000 * len(seconds) / sum(seconds)


def _draw(found: dict[str, Any], operations: Mapping[str, str]) -> Figure:
    mpl.rcParams.update({"svg.hashsalt": "torematrix", "svg.fonttype": "none", "font.family": "sans-serif"})
    sizes = [int(size) for size in found["sizes"]]
    figure = Figure(figsize=(9, 4.5), layout="constrained", facecolor="white")
    panel = figure.subplots()
    colours = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
    for (name, title), colour in zip(operations.items(), colours, strict=False):
        taken = [found["sizes"][size]["nanoseconds"][name] / 1000 for size in found["sizes"]]
        panel.plot(sizes, taken, marker="o", markersize=4, linewidth=1.4, color=colour, label=title)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.minorticks_off()
    panel.set_xlabel("documents in the collection", fontsize=9)
    panel.set_ylabel("µs a call", fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_title(
        f"{found['engine']}: the median call as the collection grows", loc="left", fontsize=10, color=_TEXT
    )
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
