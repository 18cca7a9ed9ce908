"""Quality over seconds: the chart of what was measured of the pair, moved to this machine's seconds
once it has raced.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

import gradio as gr

from ganapps.engine import Engine
from ganapps.measure import quality
from ganapps.ui.parts import common
from ganapps.ui.parts.chart import FIGURES, READING, Line, Point, chart, table
from ganapps.ui.words import escaped, named, say, t


class Quality:
    """The widgets of the chart."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rows = quality.rows()
        with gr.Column(elem_id="compare-quality", elem_classes="stage") as self.stage:
            self.head = gr.HTML(_head("en"))
            self.figure = gr.Radio(
                [(name, key) for key, name in FIGURES.items()],
                value="frechet",
                label=t("Figure"),
                show_label=False,
                elem_id="compare-figure",
            )
            self.chart = gr.HTML(elem_id="compare-chart")
            with gr.Accordion(t("The same numbers"), open=False, elem_id="compare-numbers"):
                self.table = gr.HTML()

    @property
    def outputs(self) -> list:
        """What `opened` fills."""
        return [self.head, self.figure, self.chart, self.table]

    def opened(self, lang: str) -> dict:
        """The words in the visitor's language; the chart itself comes with the first change of a
        control.
        """
        return {
            self.head: _head(lang),
            self.figure: gr.update(
                choices=[(say(lang, name), key) for key, name in FIGURES.items()]
            ),
        }

    def listen(self, controls: list) -> None:
        """Draw anew when a visitor comes and whenever a control moves: GAN, diffusion model, psi,
        steps, eta, and what this visit measured.
        """
        controls = [*controls, self.figure]
        window = gr.context.Context.root_block
        assert window is not None, "events are wired inside the window"
        gr.on(
            [window.load, *(w.change for w in controls)],
            self.drawn,
            controls,
            [self.chart, self.table],
            **common.LATEST,
        )

    def drawn(
        self,
        gan: str,
        diffusion: str,
        psi: float,
        steps: int,
        eta: float,
        measured: Mapping[str, float],
        figure: str,
        request: gr.Request,
    ) -> tuple[str, str]:
        """The chart and its table for the models and settings of now."""
        lang = common.language(request)
        lines = [
            line
            for line in (
                self._gan(gan, psi, measured),
                *self._diffusion(diffusion, steps, eta, measured),
            )
            if line and line.points
        ]
        if not lines:
            nobody = escaped(
                lang,
                "Nobody has measured these two yet: choose the pair that ships with the app.",
            )
            return f'<p class="lead">{nobody}</p>', ""
        notes = [
            say(lang, READING[figure]),
            _caveat(figure, lang),
            _counts_note(lines, lang),
            _seconds_note(lines, lang),
            _missing_note((gan, diffusion), lines, self.engine, lang),
        ]
        said = "".join(f"<p>{html.escape(n)}</p>" for n in notes if n)
        return (
            f'<div class="graph">{chart(lines, figure, lang)}<div class="notes">{said}</div></div>',
            table(lines, lang),
        )

    def _gan(self, model: str, psi: float, measured: Mapping[str, float]) -> Line | None:
        """One point for each psi; one network call makes a picture, so this visit's seconds are the
        same for all.
        """
        rows = sorted(
            (r for r in self.rows if r["model"] == model and r["setting"] == "psi"),
            key=lambda r: r["value"],
        )
        seconds = measured.get(model)
        return self._line(
            model,
            "square",
            [(f"psi {r['value']:g}", seconds or r.get("seconds"), r) for r in rows],
            _nearest(rows, psi),
            seconds is not None,
        )

    def _diffusion(
        self, model: str, steps: int, eta: float, measured: Mapping[str, float]
    ) -> list[Line | None]:
        """A line over the steps, and one over eta where that was measured: a call costs what this
        visit's races say.
        """
        mine = [r for r in self.rows if r["model"] == model]
        walk = sorted((r for r in mine if r["setting"] == "steps"), key=lambda r: r["value"])
        noisy = sorted((r for r in mine if r["setting"] == "eta"), key=lambda r: r["value"])
        call = measured.get(model)
        return [
            self._line(
                model,
                "circle",
                [
                    (f"{r['value']:g} steps", call * r["value"] if call else r.get("seconds"), r)
                    for r in walk
                ],
                None if eta else _nearest(walk, steps),
                bool(call),
            ),
            self._line(
                model,
                "circle",
                [
                    (f"eta {r['value']:g}", call * r["steps"] if call else r.get("seconds"), r)
                    for r in noisy
                ],
                _nearest(noisy, eta) if eta else None,
                bool(call),
            ),
        ]

    def _line(
        self, model: str, mark: str, found: list[tuple], now: Mapping | None, here: bool
    ) -> Line | None:
        row = self.engine.models.row(model)
        points = tuple(
            Point(
                label,
                seconds,
                {f: r[f] for f in FIGURES if r.get(f) is not None},
                r["pictures"],
                r is now,
            )
            for label, seconds, r in found
            if seconds
        )
        return (
            Line(
                row.title if row else model,
                mark,
                points,
                here,
                named=not found[0][0].startswith("eta"),
            )
            if points
            else None
        )


def _nearest(rows: list, value: float) -> Mapping | None:
    """The measured row that is nearest to what a control says."""
    return min(rows, key=lambda r: abs(r["value"] - value), default=None)


def _head(lang: str) -> str:
    return (
        f'<h2>{escaped(lang, "Quality over seconds")}</h2><p class="lead">'
        + html.escape(
            say(
                lang,
                "Where each model stands, and how psi, steps and eta move it. The ring is the "
                "measured setting nearest to the controls above.",
            )
        )
        + "</p>"
    )


def _caveat(figure: str, lang: str) -> str:
    """What these figures are not."""
    if figure.startswith("lite2"):
        return ""
    return say(
        lang,
        "None of these is an FID: they look through EfficientNet-Lite0. The GAN's critic learned "
        "through the same network, which favours the GAN.",
    )


def _counts_note(lines: list[Line], lang: str) -> str:
    """How many pictures the figures are of: few make a Fréchet distance larger, so unequal counts
    are said.
    """
    counts = sorted({p.pictures for line in lines for p in line.points})
    if len(counts) == 1:
        return say(lang, "Measured on {count:picture|pictures} of each.", count=counts[0])
    return say(
        lang,
        "Measured on {few} to {many} pictures: the fewer, the farther they seem.",
        few=counts[0],
        many=counts[-1],
    )


def _seconds_note(lines: list[Line], lang: str) -> str:
    if all(line.here for line in lines):
        return say(lang, "Seconds: of this visit's races, on this machine.")
    if any(line.here for line in lines):
        return say(
            lang,
            "Seconds of filled marks: of this visit's races, on this machine; of hollow ones: from "
            "the table that ships, measured on another machine.",
        )
    return say(
        lang,
        "Seconds: from the table that ships, measured on another machine (hollow marks). A race "
        "moves them to this one's.",
    )


def _missing_note(models: tuple[str, str], lines: list[Line], engine: Engine, lang: str) -> str:
    drawn = {line.title for line in lines}
    missing = [
        row.title for row in map(engine.models.row, models) if row and row.title not in drawn
    ]
    if not missing:
        return ""
    names = ", ".join(named(lang, title) for title in missing)
    return say(lang, "Nobody has measured {model} yet.", model=names)
