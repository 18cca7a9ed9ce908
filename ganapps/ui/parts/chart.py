"""Quality over seconds as a chart: the GAN one point for each psi, the diffusion model a line over
its steps; and the same numbers as a table.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganapps.ui.words import escaped, named, say

LEFT, RIGHT, TOP, BOTTOM = 56, 18, 30, 52
# words that would leave the drawing on the right end where they would begin
ENDS = ' text-anchor="end"'
FIGURES = {
    "frechet": "Nearness (Fréchet distance)",
    "precision": "Realism (precision)",
    "recall": "Coverage (recall)",
    "diversity": "Variety (diversity)",
    "lite2_frechet": "Nearness, an unseen network",
}
READING = {
    "frechet": "Lower is nearer to the training pictures.",
    "precision": "How many of its pictures could be real ones: higher is better.",
    "recall": "How much of the real variety it covers: higher is better.",
    "diversity": "How far its pictures lie apart: 1 is as far as the real ones do.",
    "lite2_frechet": "The Fréchet distance again, seen by a network that no training looked "
    "through: lower is nearer.",
}


@dataclass(frozen=True)
class Point:
    """One measured setting of a model: seconds a picture, its figures by name, and whether it is
    what the controls say now.
    """

    label: str
    seconds: float
    figures: Mapping[str, float]
    pictures: int
    now: bool = False


@dataclass(frozen=True)
class Line:
    """A model's measured settings. `mark` is "square" or "circle"; `here`: its seconds were
    measured on this machine in this visit. `named`: its title stands beside it.
    """

    title: str
    mark: str
    points: tuple[Point, ...]
    here: bool
    named: bool = True


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` (as logarithms or as they are) to places from `start` to
    `end`.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True)
class Frame:
    """A drawing's size in pixels: one for a desk, one for a phone, so that the words keep their
    size. The style sheet shows one of them.
    """

    name: str
    width: int
    height: int


FRAMES = (Frame("wide", 760, 390), Frame("tall", 360, 380))


def chart(lines: Sequence[Line], figure: str, lang: str) -> str:
    """The chart of one figure for both sizes of screen; "" where nothing was measured."""
    return "".join(_drawing(lines, figure, lang, frame) for frame in FRAMES)


def _drawing(lines: Sequence[Line], figure: str, lang: str, frame: Frame) -> str:
    """The chart with a title and a description for who can't see it."""
    points = [p for line in lines for p in line.points if figure in p.figures]
    if not points:
        return ""
    x = _logarithmic([p.seconds for p in points], frame)
    y, ticks = _linear([p.figures[figure] for p in points], frame)
    drawn = _grid(x, y, ticks, figure, lang, frame) + "".join(
        _line(line, figure, x, y, lang) for line in lines
    )
    name = say(lang, FIGURES[figure])
    title = say(lang, "{figure} over seconds a picture", figure=name)
    described = "; ".join(
        f"{named(lang, line.title)}: "
        + ", ".join(
            f"{_setting(p.label, lang)} {_short(p.seconds)} s {p.figures[figure]:.3g}"
            for p in line.points
            if figure in p.figures
        )
        for line in lines
    )
    return (
        f'<svg class="chart {frame.name}" viewBox="0 0 {frame.width} {frame.height}" role="img" '
        f'aria-labelledby="{frame.name}-title {frame.name}-text">'
        f'<title id="{frame.name}-title">{html.escape(title)}</title><desc id="{frame.name}-text">'
        f"{html.escape(described)}</desc>{drawn}</svg>"
    )


def table(lines: Sequence[Line], lang: str) -> str:
    """The numbers of all charts."""
    names = [f for f in FIGURES if any(f in p.figures for line in lines for p in line.points)]
    head = "".join(
        f"<th scope=col>{escaped(lang, w)}</th>"
        for w in ("Setting", "Seconds a picture", *(FIGURES[f] for f in names), "Pictures measured")
    )
    body = ""
    for line in lines:
        for p in line.points:
            cells = [
                f"{named(lang, line.title)}, {_setting(p.label, lang)}",
                _short(p.seconds),
                *(f"{p.figures[f]:.3f}" if f in p.figures else "–" for f in names),
                str(p.pictures),
            ]
            body += (
                f"<tr{' class=now' if p.now else ''}><th scope=row>{html.escape(cells[0])}</th>"
                + "".join(f"<td>{html.escape(c)}</td>" for c in cells[1:])
                + "</tr>"
            )
    return (
        f'<div class="numbers"><table class="card"><thead><tr>{head}</tr></thead><tbody>'
        f"{body}</tbody></table></div>"
    )


def _setting(label: str, lang: str) -> str:
    """`25 steps` in the visitor's language; psi and eta are letters everywhere."""
    number, _, word = label.partition(" ")
    if word in ("step", "steps"):
        return say(lang, "{count:step|steps}", count=number)
    return label


def _short(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"


def _logarithmic(seconds: Sequence[float], frame: Frame) -> Scale:
    low, high = (math.log10(max(s, 1e-6)) for s in (min(seconds), max(seconds)))
    return Scale(low - 0.3, max(high + 0.5, low + 0.8), LEFT, frame.width - RIGHT)


def _linear(values: Sequence[float], frame: Frame) -> tuple[Scale, list[float]]:
    """A scale that begins at zero where that costs little, and round ticks on it."""
    low, high = min(values), max(values)
    low = 0.0 if low < 0.5 * high else low - 0.15 * (high - low or high or 1)
    high += 0.12 * (high - low or 1)
    raw = (high - low) / 4
    step = 10 ** math.floor(math.log10(raw))
    step *= next(n for n in (1, 2, 2.5, 5, 10) if n * step >= raw)
    ticks = [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return Scale(low, high, frame.height - BOTTOM, TOP), ticks


def _grid(x: Scale, y: Scale, ticks: Sequence[float], figure: str, lang: str, frame: Frame) -> str:
    parts = []
    for tick in ticks:
        parts.append(
            f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{frame.width - RIGHT}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y(tick):.1f}" dy=".35em" text-anchor="end">'
            f"{tick:g}</text>"
        )
    for power in range(math.ceil(x.low), math.floor(x.high) + 1):
        parts.append(
            f'<path class="grid" d="M{x(power):.1f} {TOP}V{frame.height - BOTTOM}"/>'
            f'<text class="tick" x="{x(power):.1f}" y="{frame.height - BOTTOM + 20}" '
            f'text-anchor="middle">{10.0**power:g} s</text>'
        )
    parts.append(
        f'<text class="axis" x="{frame.width - RIGHT}" y="{frame.height - 8}" text-anchor="end">'
        f"{escaped(lang, 'Seconds a picture')}</text>"
        f'<text class="axis" x="{LEFT}" y="{TOP - 10}">'
        f"{escaped(lang, FIGURES[figure])}</text>"
    )
    return "".join(parts)


def _line(line: Line, figure: str, x: Scale, y: Scale, lang: str) -> str:
    """A model: its points joined, each with its setting beside it and a tooltip; those of the
    controls' setting ringed.
    """
    points = [p for p in line.points if figure in p.figures]
    if not points:
        return ""
    places = [(x(math.log10(max(p.seconds, 1e-6))), y(p.figures[figure])) for p in points]
    joined = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    parts = [f'<path class="trade" d="{joined}"/>']
    for p, (a, b) in zip(points, places):
        said = html.escape(
            f"{named(lang, line.title)}, {_setting(p.label, lang)}: {_short(p.seconds)} s, "
            f"{say(lang, FIGURES[figure])} {p.figures[figure]:.3g}"
        )
        ring = f'<circle class="now" cx="{a:.1f}" cy="{b:.1f}" r="11"/>' if p.now else ""
        shape = (
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="5"/>'
            if line.mark == "circle"
            else f'<rect x="{a - 5:.1f}" y="{b - 5:.1f}" width="10" height="10" rx="2"/>'
        )
        parts.append(
            f'<g class="mark{" live" if line.here else ""}">{ring}{shape}<title>{said}</title></g>'
        )
    for p, (a, b) in _spaced(points, places):
        left = a > x.end - 70
        parts.append(
            f'<text class="label{" now" if p.now else ""}" x="{a - 14 if left else a + 14:.1f}" '
            f'y="{b:.1f}" dy=".35em"{ENDS if left else ""}>'
            f"{html.escape(_setting(p.label, lang))}</text>"
        )
    if line.named:
        a, b = min(places, key=lambda place: place[1])
        left = a > x.start + 0.6 * (x.end - x.start)
        parts.append(
            f'<text class="name" x="{a + 6 if left else a - 6:.1f}" '
            f'y="{b - 18:.1f}"{ENDS if left else ""}>{html.escape(named(lang, line.title))}</text>'
        )
    return f'<g class="series {line.mark}">{"".join(parts)}</g>'


def _spaced(
    points: Sequence[Point], places: Sequence[tuple[float, float]]
) -> list[tuple[Point, tuple[float, float]]]:
    """The labels that have room: the controls' own first, then those that lie 18 apart from all
    taken.
    """
    order = sorted(
        range(len(points)), key=lambda i: (not points[i].now, i not in (0, len(points) - 1), i)
    )
    taken: list[int] = []
    for i in order:
        if all(
            abs(places[i][1] - places[j][1]) > 20 or abs(places[i][0] - places[j][0]) > 90
            for j in taken
        ):
            taken.append(i)
    return [(points[i], places[i]) for i in sorted(taken)]
