"""The drawn house, docs/architecture.svg, from the table of who may import whom;
`python -m tests.test_architecture` draws it anew.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from tests.test_layers import TABLE

DRAWING = Path(__file__).resolve().parent.parent / "docs" / "architecture.svg"

VALUES = ("errors", "settings", "recipe", "report")
APART = ("measure.doctor",)  # what stands elsewhere than its room: it uses the door itself
# What each box holds, in few words.
BOXES = {
    "app.py": "flags → engine → window",
    "python -m ganapps": "the same door, from a shell",
    "ui": "what you see: tabs, parts, words, doors",
    "race": "two recipes on one clock",
    "export": "many pictures, as data",
    "deploy": "this app as a Space",
    "measure.doctor": "what works on this machine",
    "engine": "the door: recipe → stream of results",
    "workers": "who computes, what waits",
    "tasks": "what it does: functions on pictures",
    "models": "row → network: catalogue, Hub, formats",
    "measure": "prices, energy, FLOPs, quality",
    "pictures": "file → pixels → file",
    "learning": "how a GAN learns",
    "training": "how the shipped weights were made",
    "networks": "what it is: one paper a file",
    "device": "where a network computes",
    "values": "recipe, report, settings, errors",
}
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 256, 56, 28, 58, 16
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2430; }
.name { font-weight: 600; }
.says { font-size: 11px; fill: #5b6472; }
rect { fill: #f5f6fa; stroke: #c3c9d6; }
path { fill: none; stroke: #9aa3b5; stroke-width: 1.2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9f0; }
  .says { fill: #a3acbd; }
  rect { fill: #232835; stroke: #444c5e; }
  path { stroke: #6b7488; }
}
"""


def box(module: str) -> str:
    """The box that a module, or an entry of the table, stands in."""
    for apart in APART:
        if module == apart:
            return apart
    room = module.split(".")[0]
    return "values" if room in VALUES else room


def uses() -> dict[str, set[str]]:
    """Box -> the boxes that it may import."""
    found: dict[str, set[str]] = {name: set() for name in BOXES}
    for entry, (ours, _) in TABLE.items():
        if not entry.startswith("__"):
            found[box(entry)] |= {box(our) for our in ours} - {box(entry)}
    found["app.py"] = {"ui"}
    found["python -m ganapps"] = {box(our) for our in TABLE["__main__"][0]}
    found["training"] = {"learning", "networks", "models", "tasks"}
    return found


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """What a box uses, through others."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def needed(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the arrows that others make superfluous."""
    return {
        name: {
            used
            for used in below
            if not any(used in reachable(graph, other) for other in below - {used})
        }
        for name, below in graph.items()
    }


def storey(graph: dict[str, set[str]], name: str) -> int:
    """How many boxes stand above one, at most: 0 is the roof."""
    return 1 + max((storey(graph, user) for user in graph if name in graph[user]), default=-1)


def places(graph: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """The left upper corner of each box: right under those that use it."""
    storeys: dict[int, list[str]] = {}
    for name in BOXES:
        storeys.setdefault(storey(graph, name), []).append(name)
    widest = max(len(row) for row in storeys.values())
    full = widest * (WIDTH + ACROSS) - ACROSS
    corners: dict[str, tuple[float, float]] = {}
    for number in sorted(storeys):
        row = sorted(storeys[number], key=lambda name: middle(name, graph, corners))
        left = MARGIN + (full - len(row) * (WIDTH + ACROSS) + ACROSS) / 2
        for place, name in enumerate(row):
            corners[name] = left + place * (WIDTH + ACROSS), MARGIN + number * (HEIGHT + DOWN)
    return corners


def middle(name: str, graph: dict[str, set[str]], corners: dict[str, tuple[float, float]]) -> float:
    """Where those that use a box stand, on average; a box that nobody uses goes last."""
    above = [corners[user][0] for user, used in graph.items() if name in used and user in corners]
    return sum(above) / len(above) if above else 1e9


def drawing() -> str:
    """The house as SVG."""
    graph = needed(uses())
    corners = places(graph)
    parts = []
    for user, below in graph.items():
        for used in sorted(below):
            (x, y), (to_x, to_y) = corners[user], corners[used]
            start, end = (x + WIDTH / 2, y + HEIGHT), (to_x + WIDTH / 2, to_y)
            half = (start[1] + end[1]) / 2
            curve = f"{start[0]:g} {half:g} {end[0]:g} {half:g} {end[0]:g} {end[1]:g}"
            parts.append(f'<path d="M{start[0]:g} {start[1]:g}C{curve}"/>')
    for name, (x, y) in corners.items():
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
            f'<text class="name" x="{x + 12:g}" y="{y + 23:g}">{escape(name)}</text>'
            f'<text class="says" x="{x + 12:g}" y="{y + 42:g}">{escape(BOXES[name])}</text>'
        )
    right = max(x for x, _ in corners.values()) + WIDTH + MARGIN
    bottom = max(y for _, y in corners.values()) + HEIGHT + MARGIN
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:g} {bottom:g}" role="img">'
        f"<title>Who may import whom: upper boxes use the lower ones that lines lead to"
        f"</title><style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def test_the_drawn_house_is_the_table() -> None:
    assert set(BOXES) >= {box(entry) for entry in TABLE if not entry.startswith("__")}
    assert DRAWING.read_text(encoding="utf-8") == drawing(), (
        "draw it anew: python -m tests.test_architecture"
    )


def test_lines_lead_down() -> None:
    graph = needed(uses())
    corners = places(graph)
    for user, below in graph.items():
        assert all(corners[used][1] > corners[user][1] for used in below)


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
