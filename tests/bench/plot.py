"""The plots: results.json to SVG. python tests/bench/plot.py FOLDER [--png]

Transparent, with grey text that can be read on white and on black; bars from the same origin of a logarithmic axis,
since contenders are up to a hundred times apart.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator

from report import APART

OURS, THEIRS, BARE, GREY = "#d9480f", "#5c7cfa", "#868e96", "#7d8590"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
plt.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "fastbearer", "font.family": "sans-serif", "font.size": 9,
    "text.color": GREY,
    "axes.labelcolor": GREY, "axes.edgecolor": GREY, "xtick.color": GREY, "ytick.color": GREY, "axes.spines.top": False,
    "axes.spines.right": False,
})  # fmt: skip


def colour(name):
    return OURS if "fastbearer" in name else BARE if name.startswith(("OpenSSL", "no ")) else THEIRS


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def bars(axes, names, cells, rows, logarithmic):
    values, low, high = ([cell[part] for cell in cells] for part in ("median", "low", "high"))
    places = range(len(names))
    errors = [[max(0, v - a) for v, a in zip(values, low)], [max(0, b - v) for v, b in zip(values, high)]]
    axes.barh(
        places,
        values,
        color=[colour(n) for n in names],
        height=0.72,
        xerr=errors,
        error_kw={"ecolor": GREY, "elinewidth": 0.8},
    )
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(places, names)
    axes.set_ylim(max(rows, len(names)) - 0.5, -0.5)  # bars of one width in all plots of a figure
    axes.tick_params(axis="y", length=0)
    for label, name in zip(axes.get_yticklabels(), names):
        label.set_color(colour(name) if "fastbearer" in name else GREY)
    for place, value, top in zip(places, values, high):
        axes.annotate(
            number(value), (max(value, top), place), (4, 0), textcoords="offset points", va="center", fontsize=8
        )


def measured(results, language, algorithm):
    """(name, cell) of the whole verifications, the cheapest first; a hit in our cache is a row of its own."""
    found = []
    for row in results["rows"]:
        if row["language"] != language or row["name"] in (
            *APART,
            "fastbearer, signature step",
            "fastbearer, cache off",
        ):
            continue
        cells = row.get("cells", {}).get(algorithm, {})
        name = row["name"].replace("FastMCP,", f"FastMCP {results['fastmcp']},")
        if "first" in cells:
            found.append((name, cells["first"]))
        if "repeat" in cells and (name == "fastbearer" or "cache" in name):
            found.append((f"{name.removesuffix(', cache')}, cached", cells["repeat"]))
    return sorted(found, key=lambda item: item[1]["median"])


def verifications(results, language, folder):
    sets = [measured(results, language, algorithm) for algorithm in ALGORITHMS]
    if not any(sets):
        return
    height = 0.6 + 0.21 * max(map(len, sets))
    figure, grid = plt.subplots(2, 2, figsize=(9.6, 2 * height), layout="constrained")
    for axes, algorithm, found in zip(grid.flat, ALGORITHMS, sets):
        cells = [cell for _, cell in found]
        bars(axes, [name for name, _ in found], cells, max(map(len, sets)), True)
        axes.set_title(algorithm, loc="left", fontsize=10, color=GREY)
        axes.set_xlim(0.1, axes.get_xlim()[1] * 2.2)
    figure.supxlabel(
        f"CPU microseconds of one whole verification, {language}, logarithmic;"
        f" {results['processor']}, {results['date']}",
        fontsize=9,
        color=GREY,
    )
    save(figure, folder / f"{language.lower()}.svg")


def save(figure, path):
    figure.savefig(path, transparent=True, metadata={"Date": None})
    if "--png" in sys.argv:
        figure.savefig(path.with_suffix(".png"), facecolor="white", dpi=110)
    plt.close(figure)
    # matplotlib leaves spaces at the ends of lines, which git complains of.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def end_to_end(results, folder):
    rows = results.get("end_to_end")
    if not rows:
        return
    hosts = list(dict.fromkeys(row["host"] for row in rows))
    figure, grid = plt.subplots(1, len(hosts), figsize=(9.6, 1.7), layout="constrained", squeeze=False)
    own = {"FastMCP": "its own verifier", "MCP TypeScript SDK": "jose"}
    for axes, host in zip(grid.flat, hosts):
        found = [row for row in rows if row["host"] == host]
        names = [{"none": "no guard", "host": own[host], "fastbearer": "fastbearer"}[row["guard"]] for row in found]
        cells = [row["cpu_us"] for row in found]
        bars(axes, names, cells, len(names), False)
        axes.set_title(
            f"{host} {results['fastmcp'] if host == 'FastMCP' else results['sdk']}", loc="left", fontsize=10, color=GREY
        )
        axes.set_xlim(0, max(c["high"] for c in cells) * 1.15)
    figure.supxlabel("CPU microseconds of the server for one tool call", fontsize=9, color=GREY)
    save(figure, folder / "end_to_end.svg")


def main():
    folder = Path(sys.argv[1])
    results = json.loads((folder / "results.json").read_text())
    for language in ("C", "Python", "Node"):
        verifications(results, language, folder)
    end_to_end(results, folder)


main()
