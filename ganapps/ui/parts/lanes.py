"""What a race shows: a clock with two sides, a lane for each, and afterwards one sentence and a
table of what each cost.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganapps.pictures import images
from ganapps.race import Lap, Race
from ganapps.race.rehearsal import Rehearsed
from ganapps.recipe import source_type
from ganapps.report import Kept, Report, seconds, size
from ganapps.ui.words import escaped, say

WALL = 60  # finished pictures shown in a lane
KEPT = 240  # finished pictures of a side that can be downloaded: the recipe makes the others again
FRAMES = 64  # of the film strip
LARGE = 900  # pixels a side of a result that is looked at alone
# seconds: a GPU's energy counter moves in steps, so shorter work has no joules worth telling
SHORTEST = 1.0


@dataclass(frozen=True)
class SideNames:
    """How a race calls its two sides: heads of columns, and the words in a sentence."""

    heads: tuple[str, str]
    spoken: tuple[str, str]


@dataclass
class Lane:
    """One side while a race runs: its finished pictures, and the film of the one under way."""

    thumbs: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    # (x_t, guess of x_0) of each step of the last picture
    film: list[tuple[str, str]] = field(default_factory=list)
    report: Report | None = None
    done: float = 0.0
    stopped: bool = False
    film_ends: bool = False
    large: bool = False  # it works on an upload

    def take(self, lap: Lap, folder: Path) -> None:
        """Add what a lap of this side brought; finished pictures are kept in `folder`, each with
        its recipe inside.
        """
        result = lap.result
        self.large = bool(result.recipe.pictures)
        self.report, self.done = result.report, result.done / max(result.total, 1)
        if len(result.preview) == 2:
            kind = source_type(result.recipe)
            noise, guess = (images.address(p, kind) for p in result.preview)
            self.film.append((noise, guess))
        elif self.film_ends and not result.made and result.done < result.total:
            # another picture has begun
            self.film, self.film_ends = [], False
        self.film_ends = self.film_ends or bool(result.made)
        some = result.made[: KEPT - len(self.files)]
        self.thumbs += [_looked_at(kept) for kept in some]
        self.files += images.keep_all(some, folder, len(self.files))


def _looked_at(kept: Kept) -> str:
    """A finished picture to look at: what was made of an upload is shown large, for there is only
    one.
    """
    side = LARGE if kept.recipe.pictures else 256
    return images.address(images.picture_of(kept), source_type(kept.recipe), side)


def thinned(film: Sequence, most: int = FRAMES) -> list[int]:
    """Numbers of at most `most` frames, evenly spread, first and last among them."""
    if len(film) <= most:
        return list(range(len(film)))
    return [round(i * (len(film) - 1) / (most - 1)) for i in range(most)]


def clock(
    names: SideNames, lanes: Sequence[Lane], lap: Lap | None, lang: str, running: bool = False
) -> str:
    """Both sides' seconds, what they made of them, and how far each is."""
    sides = []
    for i, (name, lane) in enumerate(zip(names.heads, lanes)):
        spent, made, calls = (lap.seconds[i], lap.pictures[i], lap.calls[i]) if lap else (0.0, 0, 0)
        words = [
            say(lang, "{count:picture|pictures}", count=made),
            say(lang, "{count:network call|network calls}", count=calls),
        ]
        words += [say(lang, "stopped")] if lane.stopped else []
        width = 100 * min(1.0, lane.done) if running else 0
        sides.append(
            f"<div><b>{html.escape(name)}</b><output>{spent:.2f} s</output><span>"
            f"{html.escape(' · '.join(words))}</span>"
            f'<i class="bar"><b style="width:{width:.0f}%"></b></i></div>'
        )
    return f'<div class="clock{" running" if running else ""}" role="timer">{"".join(sides)}</div>'


def wall(lane: Lane, made: int, lang: str, address: Callable[[Path], str] | None = None) -> str:
    """A side's finished pictures, the last ones; once the race is over each is a link to its file,
    which holds its recipe.
    """
    if not lane.thumbs:
        return ""
    first = max(0, len(lane.thumbs) - WALL)
    cells = []
    for thumb, file in zip(lane.thumbs[first:], lane.files[first:]):
        picture = f'<img src="{thumb}" alt="{html.escape(file.stem)}">'
        cells.append(
            f'<a href="{html.escape(address(file))}" download="{html.escape(file.name)}">'
            f"{picture}</a>"
            if address
            else picture
        )
    few = (
        " one large"
        if len(cells) == 1 and lane.large
        else " one"
        if len(cells) == 1
        else " few"
        if len(cells) <= 6
        else ""
    )
    if few == " one" and lane.report:
        done = say(lang, "done in {seconds}", seconds=seconds(lane.report.seconds))
        cells.append(f'<p class="beside">{html.escape(done)}</p>')
    unseen = made - len(lane.thumbs[first:])
    more = (
        f'<p class="unseen">{escaped(lang, "and {count} more", count=unseen)}</p>'
        if unseen > 0
        else ""
    )
    return f'<div class="thumbs{few}">{"".join(cells)}</div>{more}'


def easel(lane: Lane, lang: str, below: str = "", scrub: bool = False) -> str:
    """The picture that comes out of the noise; afterwards the film strip of its steps, to be
    stepped through, and what stands `below` it.
    """
    if not lane.film:
        return ""
    words = (
        escaped(lang, "the noisy picture"),
        escaped(lang, "what it takes it for"),
    )
    x_t, x_0 = lane.film[-1]
    two = (
        f'<div class="easel"><figure><img class="noise" src="{x_t}" alt="{words[0]}"><figcaption>'
        f"x<sub>t</sub>: {words[0]}</figcaption></figure>"
        f'<figure><img class="guess" src="{x_0}" alt="{words[1]}"><figcaption>x<sub>0</sub>'
        f": {words[1]}</figcaption></figure></div>"
    )
    shown = thinned(lane.film, FRAMES if scrub else 16)
    strip = "".join(
        f'<img src="{lane.film[i][1]}"'
        + (
            f' data-noise="{lane.film[i][0]}" data-step="{i + 1} / {len(lane.film)}"'
            if scrub
            else ""
        )
        + ' alt="">'
        for i in shown
    )
    last = len(shown) - 1
    slider = (
        (
            f'<input class="scrub" type="range" min="0" max="{last}" value="{last}" '
            f'aria-label="{escaped(lang, "Step through the film")}">'
            f"<output>{len(lane.film)} / {len(lane.film)}</output>"
        )
        if scrub and last
        else ""
    )
    row = f'<div class="scrub-row">{slider}{below}</div>' if slider or below else ""
    return f'{two}{row}<div class="film-strip">{strip}</div>'


def whole(lane: Lane, made: int, lang: str, address: Callable[[Path], str]) -> str:
    """A lane once the race is over. The one picture that a film ended in is not shown again: its
    link stands beside the film.
    """
    if lane.film and len(lane.files) == 1:
        file = lane.files[0]
        return easel(
            lane,
            lang,
            f'<a href="{html.escape(address(file))}" download="{html.escape(file.name)}">PNG</a>',
            scrub=True,
        )
    return easel(lane, lang, scrub=True) + wall(lane, made, lang, address)


def sentence(names: SideNames, lap: Lap, lang: str) -> str:
    """What happened, in numbers."""
    (own, took), (fast, made) = lap.seconds, lap.pictures
    if not made or not fast:
        return ""
    facts = {
        "gan": names.spoken[0],
        "diffusion": names.spoken[1],
        "seconds": seconds(took),
        "faces": fast,
        "own": seconds(own),
        "count": made,
    }
    if made != 1:
        said = say(
            lang,
            "In the {seconds} that {diffusion} took for {count} pictures, {gan} made {faces} in "
            "{own}.",
            **facts,
        )
    elif facts["own"] == facts["seconds"]:
        said = say(
            lang,
            "In the {seconds} that {diffusion} took for one picture, {gan} made {faces}.",
            **facts,
        )
    else:
        said = say(
            lang,
            "In the {seconds} that {diffusion} took for one picture, {gan} made {faces} in {own}.",
            **facts,
        )
    one, many = lap.each(0), lap.each(1)
    assert one is not None and many is not None
    ratio = many / max(one, 1e-9)
    if ratio >= 1:
        dear = say(
            lang,
            "One picture of {diffusion} costs as much time as {many} of {gan}.",
            diffusion=facts["diffusion"],
            gan=facts["gan"],
            many=_many(ratio),
        )
    else:
        dear = say(
            lang,
            "One picture of {gan} costs as much time as {many} of {diffusion}.",
            diffusion=facts["diffusion"],
            gan=facts["gan"],
            many=_many(1 / ratio),
        )
    return f'<p class="verdict">{html.escape(said)} {html.escape(dear)}</p>'


def _many(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def fairness(asked: Race, names: SideNames, lap: Lap, lang: str) -> str:
    """What equal memory means here, in one sentence with its figures; the other kinds say it by
    their name.
    """
    costs = [r.memory for r in lap.rehearsed if r]
    if asked.fair != "memory" or len(costs) < len(lap.rehearsed):
        return ""
    dear = costs.index(max(costs))
    said = say(
        lang,
        "Equal memory: the {size} that one picture of {dear} needs, network included, hold "
        "{light}'s network and {count} of its pictures at once.",
        size=size(costs[dear]),
        dear=names.spoken[dear],
        light=names.spoken[1 - dear],
        count=lap.pictures[1 - dear],
    )
    return f'<p class="lead">{html.escape(said)}</p>'


def figures(
    names: SideNames,
    titles: Sequence[str],
    data: Sequence[str],
    lanes: Sequence[Lane],
    lap: Lap,
    lang: str,
) -> str:
    """What a picture of each side costs, everything measured or counted here."""
    each = [lambda value, i=i: value / max(1, lap.pictures[i]) for i in (0, 1)]
    lines: dict[str, list[str]] = {
        "Seconds a picture": [_each(lap, i, lang) for i in (0, 1)],
        "Network calls a picture": [
            f"{each[i](lap.calls[i]):.0f}" if lap.pictures[i] else "–" for i in (0, 1)
        ],
        "Operations a picture, counted by torch": [_flops(r, lang) for r in lap.rehearsed],
        "Parameters": [f"{r.parameters / 1e6:.1f} M" if r else "–" for r in lap.rehearsed],
        "Peak memory of tensors, network included": [
            size(r.memory) if r else "–" for r in lap.rehearsed
        ],
    }
    if any(j is not None and lap.seconds[i] >= SHORTEST for i, j in enumerate(lap.joules)):
        lines["Joules a picture, the whole card"] = [
            f"{each[i](j):.1f}"
            if j is not None and lap.seconds[i] >= SHORTEST
            else say(lang, "too short to tell")
            for i, j in enumerate(lap.joules)
        ]
    devices = [lane.report.computed if lane.report else "–" for lane in lanes]
    lines |= {"Device": devices, "Trained on": list(data)}
    head = "".join(f"<th scope=col>{html.escape(title)}</th>" for title in titles)
    anchors = {
        "Network calls a picture": "figure-calls",
        "Seconds a picture": "figure-seconds",
        "Parameters": "figure-parameters",
    }
    body = "".join(
        f'<tr id="{anchors.get(k, "")}"><th scope=row>{escaped(lang, k)}</th>'.replace(' id=""', "")
        + "".join(f"<td>{html.escape(x)}</td>" for x in v)
        + "</tr>"
        for k, v in lines.items()
    )
    return (
        f'<table class="card two"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>'
        "</table>"
    )


def _each(lap: Lap, side: int, lang: str) -> str:
    """Seconds that a picture of a side takes, and how often that was measured."""
    one, rounds = lap.each(side), len(lap.rounds[side])
    if one is None:
        return "–"
    told = f"{one:.3f}"
    if rounds > 1:
        told += " " + say(lang, "(median of {count} rounds)", count=rounds)
    return told


def _flops(cost: Rehearsed | None, lang: str) -> str:
    if cost is None or cost.flops is None:
        return say(lang, "torch can't count them")
    for unit, step in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if cost.flops >= step:
            return f"{cost.flops / step:.2f} {unit}"
    return f"{cost.flops}"
