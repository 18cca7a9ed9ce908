"""The track of the compare tab: the clock, both lanes, and what is told when a race is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from ganapps import race as races
from ganapps.engine import Engine
from ganapps.pictures import images
from ganapps.race import Lap, Race
from ganapps.ui.doors import files
from ganapps.ui.parts import common, lanes, progress
from ganapps.ui.parts.lanes import Lane, SideNames
from ganapps.ui.parts.other_formats import OtherFormats
from ganapps.ui.parts.pairs import FACES, Kind
from ganapps.ui.words import named, say, t
from ganapps.workers import signals, zerogpu


@dataclass
class Running:
    """A race under way: what it is, what its lanes hold, and the sides that a person stopped."""

    asked: Race
    names: SideNames
    lanes: tuple[Lane, Lane] = field(default_factory=lambda: (Lane(), Lane()))
    stopped: set[int] = field(default_factory=set)
    lap: Lap | None = None
    # how full each lane was when a browser last looked
    seen: dict[int, tuple] = field(default_factory=dict)


class Track:
    """The widgets of a race under way, and the updates that fill them."""

    def __init__(self, engine: Engine, make_restore: Callable[[], None]) -> None:
        """`make_restore` makes the button that stands last in the row below."""
        names = names_of(FACES, (None, None), "en")
        self.notice = gr.HTML("", elem_id="compare-notice")
        self.clock = gr.HTML(
            lanes.clock(names, (Lane(), Lane()), None, "en"), elem_id="compare-clock"
        )
        with gr.Row(elem_classes="lanes stops"):
            self.stops = [
                gr.Button(t("Stop this side"), size="sm", elem_id=f"compare-stop-{name}")
                for name in races.SIDES
            ]
        with gr.Row(elem_classes="lanes"):
            self.left = gr.HTML(elem_id="compare-gan-lane")
            self.right = gr.HTML(elem_id="compare-diffusion-lane")
        self.sentence = gr.HTML(elem_id="compare-sentence")
        self.instead = gr.Button(visible=False, size="sm", elem_id="compare-instead")
        self.figures = gr.HTML(elem_id="compare-figures")
        with gr.Row(elem_classes="actions"):
            self.archive = gr.HTML(
                common.download(None, "Download all", "en"), elem_id="compare-archive"
            )
            self.report = gr.HTML(common.download(None, "Report", "en"), elem_id="compare-report")
            self.copy = gr.Button(t("Copy link"), size="sm", elem_id="compare-copy")
            make_restore()
        self.files: gr.State = gr.State([])  # paths of the PNGs of both sides
        self.formats = OtherFormats(engine, "compare")
        self.formats.listen({self.files}, lambda values: values[self.files])
        self.link = gr.Textbox(visible="hidden", elem_id="compare-link", label=t("Link"))

    def laps(
        self, engine: Engine, running: Running, uploads: Sequence[str], folder: Path, lang: str
    ) -> Iterator[dict]:
        """The race, as often as a browser can look; pictures and films are kept in `folder`."""
        seen = 0.0
        laps = races.race(engine, running.asked, uploads, running.stopped)
        for lap in signals.heard(laps):
            if isinstance(lap, signals.Tick):
                continue
            if lap.result.waiting:
                if time.monotonic() - seen > common.PAUSE:
                    seen = time.monotonic()
                    yield {self.sentence: progress.waiting(lap.result, lang)}
                continue
            waited = running.lap is None
            running.lap = lap
            running.lanes[lap.side].take(lap, folder)
            if waited or time.monotonic() - seen > common.PAUSE:
                seen = time.monotonic()
                lent = zerogpu.lent_to(running.asked.recipes[0].task)
                begun = {self.sentence: progress.late_stop(lang) if lent else ""}
                yield self._look(running, lang) | (begun if waited else {})

    def _look(self, running: Running, lang: str) -> dict:
        """The clock, and the lanes in which something has happened since the last look."""
        for side in running.stopped:
            running.lanes[side].stopped = True
        update = {
            self.clock: lanes.clock(running.names, running.lanes, running.lap, lang, running=True)
        }
        for side, place in enumerate((self.left, self.right)):
            lane = running.lanes[side]
            state = (len(lane.thumbs), len(lane.film))
            if running.seen.get(side) != state:
                running.seen[side] = state
                made = running.lap.pictures[side] if running.lap else 0
                update[place] = lanes.easel(lane, lang) or lanes.wall(lane, made, lang)
        return update

    def over(self, running: Running, rows: Sequence, folder: Path, lang: str) -> dict:
        """The clock has stopped: everything that can be looked at, stepped through and taken
        home.
        """
        lap = running.lap
        if lap is None:
            return {self.clock: lanes.clock(running.names, running.lanes, None, lang)}
        self._look(running, lang)

        places: dict[Path, str] = {}

        def stored(path: Path) -> str:
            if path not in places:
                places[path] = files.keep(path)
            return places[path]

        def kept(path: Path) -> str:
            return common.served(stored(path))

        report = images.as_json(
            races.report(
                running.asked,
                lap,
                [lane.report for lane in running.lanes],
                [lane.stopped for lane in running.lanes],
            )
        )
        images.save_text(report, folder / "report.json")
        made = [f for lane in running.lanes for f in lane.files]
        archive = images.save_zip(
            made, folder / "race.zip", {"race.json": running.asked.to_json(), "report.json": report}
        )
        shown = [
            lanes.whole(lane, lap.pictures[i], lang, kept) for i, lane in enumerate(running.lanes)
        ]
        return self.told(running, lap, rows, lang) | {
            self.left: shown[0],
            self.right: shown[1],
            self.link: running.asked.to_link(),
            self.files: [stored(path) for path in made],
            self.archive: common.download(files.keep(archive), "Download all", lang),
            self.report: common.download(files.keep(folder / "report.json"), "Report", lang),
        }

    def told(self, running: Running, lap: Lap, rows: Sequence, lang: str) -> dict:
        """What the race cost either side, and whether it was fair."""
        titles = [
            named(lang, row.title) if row else recipe.checkpoint
            for row, recipe in zip(rows, running.asked.recipes)
        ]
        data = [row.data if row else say(lang, "unknown") for row in rows]
        said = lanes.sentence(running.names, lap, lang) + lanes.fairness(
            running.asked, running.names, lap, lang
        )
        return {
            self.clock: lanes.clock(running.names, running.lanes, lap, lang),
            self.sentence: said,
            self.figures: lanes.figures(running.names, titles, data, running.lanes, lap, lang),
        }


def names_of(kind: Kind, rows: Sequence, lang: str) -> SideNames:
    """What a race of this kind calls its sides."""
    if kind is FACES or None in rows:
        first, second = kind.spoken
        spoken = (say(lang, first), say(lang, second))
        return SideNames((say(lang, "GAN"), say(lang, "Diffusion")), spoken)
    titles = (named(lang, rows[0].title), named(lang, rows[1].title))
    return SideNames(titles, titles)


def noted(measured: Mapping[str, float], running: Running) -> dict[str, float]:
    """What this visit has measured, with this race's seconds of one network call."""
    lap = running.lap
    spent = {
        r.checkpoint: lap.seconds[i] / lap.calls[i]
        for i, r in enumerate(running.asked.recipes)
        if lap and lap.calls[i]
    }
    return {**measured, **spent}
