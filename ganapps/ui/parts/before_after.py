"""Your picture in and the result beside it: an upload box that opens nothing, and a before/after
that mouse, touch and keyboard move.
"""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.i18n import I18nData

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.pictures import images
from ganapps.recipe import from_json, source_type
from ganapps.report import Kept, Part
from ganapps.ui.parts import common, keeping, progress, stage
from ganapps.ui.parts.boxes import PictureBox
from ganapps.ui.parts.other_formats import OtherFormats
from ganapps.ui.parts.settings import Widgets
from ganapps.ui.parts.stage import Stage
from ganapps.ui.words import escaped, named, say, t


def picture_box(label: I18nData, elem_id: str) -> gr.Image:
    """The upload box every picture-to-picture tab begins with; its value is the path of the file as
    it came.
    """
    return PictureBox(
        label=label,
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        elem_id=elem_id,
        elem_classes="picture-box",  # window.js shows a large picture as a small copy
        height=220,
        format="png",
        buttons=[],
    )


# settings that act on a result at once, without the network, and so stand under it
FINISHING = ("strength", "keep_colours")
FOLDER = Path(__file__).parents[1] / "examples"
SHOWN = FOLDER / "shown"
EXAMPLES = sorted(FOLDER.glob("*.png"))
LARGE_EXAMPLES = sorted((FOLDER / "large").glob("*.jpg"))  # for what is not enlarged


def examples(name: str, paths: Sequence[Path]) -> gr.Gallery:
    """Pictures that one click takes."""
    return gr.Gallery(
        captioned(paths, "en"),
        columns=3,
        height="auto",
        allow_preview=False,
        show_label=False,
        label=t("Examples"),
        buttons=[],
        interactive=False,
        format="png",
        elem_id=f"{name}-examples",
        elem_classes=["wall", "examples"],
    )


def captioned(paths: Sequence[Path], lang: str) -> list[tuple[str, str]]:
    """The examples as the gallery takes them, named in the visitor's language."""
    return [(str(path), named(lang, path.stem)) for path in paths]


def before_after(
    before: str, after: str, lang: str, see_through: bool = False, strength: float = 1.0
) -> str:
    """Two pictures of one shape on each other, addresses as `served` gives them; a range input,
    laid over them, is the handle.

    `strength` below 1 lets the first shine through the second, which is the same as mixing them; no
    picture that is `see_through` itself.
    """
    labels = {
        k: escaped(lang, k)
        for k in ("Before", "After", "Before and after: arrow keys move the edge", "Lens")
    }
    return (
        f'<figure class="compare{" see-through" if see_through else ""}" '
        f'style="--strength:{strength:g}">'
        f'<img class="before" src="{html.escape(before)}" alt="{labels["Before"]}">'
        f'<img class="after" src="{html.escape(after)}" alt="{labels["After"]}">'
        f'<span class="edge"></span><span class="tag left">{labels["Before"]}</span>'
        f'<span class="tag right">{labels["After"]}</span>'
        f'<span class="lens" aria-hidden="true"><i></i><i><b></b></i></span>'
        '<input type="range" min="0" max="100" step="1" value="50" '
        f'aria-label="{labels["Before and after: arrow keys move the edge"]}">'
        f'<button type="button" class="lens-button" aria-pressed="false">{labels["Lens"]}</button>'
        "</figure>"
    )


@dataclass(frozen=True)
class Last:
    """The last run: its upload, its result at full strength (paths), its recipe (JSON), its report
    (plain values).
    """

    upload: str
    raw: str
    recipe: str
    report: Mapping[str, Any]


class ResultArea:
    """Where the result of a picture-to-picture run stands: before and after, its line and figures;
    what one can take away: the picture, a report, a link; and strength and colours, which act at
    once, without the network.

    `last` holds the last run, `file` the path of the finished picture, `traces` every path that was
    made of it on this machine's disk.
    """

    def __init__(self, engine: Engine, widgets: Widgets, note: tuple[str, str]) -> None:
        """`note` says what the picture of the first visit is: `examples/shown/NAME-before.webp` and
        `-after`.
        """
        name = widgets.tab
        self.engine, self.name = engine, name
        self.painted = False  # is the picture that was brought painted on elsewhere on the stage?
        # the first visit never shows an empty page
        self.before = common.served(SHOWN / f"{name}-before.webp")
        self.after = common.served(SHOWN / f"{name}-after.webp")
        self.view = gr.HTML(before_after(self.before, self.after, "en"), elem_id=f"{name}-view")
        self.note = note
        self.line = gr.HTML(self._noted("en"), elem_id=f"{name}-line")
        self.facts = gr.HTML(elem_id=f"{name}-facts")
        self.finishing: dict[str, Component] = {}  # of a task that has these settings
        if set(FINISHING) <= set(widgets.declared):
            with gr.Row(elem_classes="pair"):
                self.finishing["strength"] = widgets.make("strength")
                colours = widgets.make("keep_colours", elem_id=f"{name}-colours")
                self.finishing["keep_colours"] = colours
        self.last, self.file, self.traces = gr.State(None), gr.State(None), gr.State([])
        self.staged = gr.State(None)  # the path of the picture that the stage is about

    def buttons(self) -> None:
        """What one can take away, in the row that is being laid out."""
        name = self.name
        self.download = gr.HTML(common.download(None, "Download", "en"), elem_id=f"{name}-download")
        self.report = gr.HTML(common.download(None, "Report", "en"), elem_id=f"{name}-report")
        self.copy = gr.Button(t("Copy link"), size="sm", elem_id=f"{name}-copy")
        self.link = gr.Textbox(visible="hidden", elem_id=f"{name}-link", label=t("Link"))
        self.copy.click(None, self.link, None, js=common.copies(f"{name}-copy"))

    def formats_below(self) -> None:
        """And other formats of it, under that row; and the two controls start to act."""
        self.formats = OtherFormats(self.engine, self.name)
        self.formats.listen({self.file}, self._there, self.traces)
        if self.finishing:
            self._finishes(**self.finishing)

    def _finishes(self, strength: Any, keep_colours: Any) -> None:
        """What is seen changes at once, the file follows."""
        strength.change(None, strength, None, js=STRONGER.replace("NAME", self.name))
        asked: set[Block] = {self.last, self.traces, strength, keep_colours}
        made = [self.view, self.line, *self._taken_away]
        strength.change(self.mixed, asked, made, **common.LATEST)
        keep_colours.input(self.recoloured, asked, made, **common.LATEST)

    def opened(self, lang: str) -> dict:
        """The first visit, in the visitor's language."""
        return {
            self.line: self._noted(lang),
            self.view: before_after(self.before, self.after, lang),
            self.download: common.download(None, "Download", lang),
            self.report: common.download(None, "Report", lang),
        }

    def _noted(self, lang: str) -> str:
        """What the picture of the first visit is."""
        picture, model = self.note
        row = self.engine.models.row(model)
        title = named(lang, row.title) if row else model
        said = say(
            lang, "An example: {picture}, {model}", picture=named(lang, picture), model=title
        )
        return progress.line(said, None, "")

    def cleared(self, lang: str) -> dict:
        """Nothing."""
        return self.opened(lang) | {
            self.view: "",
            self.line: '<div class="line"></div>',
            self.facts: "",
            self.link: "",
            self.last: None,
            self.file: None,
            self.formats.link: "",
            self.traces: [],
            self.staged: None,
        }

    @property
    def outputs(self) -> list:
        """What `arrived` and `outcome` fill."""
        return [
            self.view,
            self.line,
            self.facts,
            self.last,
            self.staged,
            *self._taken_away,
        ]

    @property
    def _taken_away(self) -> list:
        """What one can take away of a result, and where it lies."""
        return [self.download, self.report, self.link, self.file, self.formats.link]

    def _there(self, values: Mapping) -> list[str]:
        """The finished picture, if there is one."""
        return [values[self.file]] if values[self.file] else []

    def arrived(self, shown: common.Shown, upload: str, values: Mapping, lang: str) -> dict:
        """A run's result, made at full strength, as the two controls want it."""
        kept, traces = shown.kept[-1], values[self.traces]
        assert shown.report is not None, "what is kept was reported"
        last = Last(
            upload,
            keeping.stored(shown.files[-1][0], traces),
            kept.recipe.to_json(),
            shown.report.as_dict() | {"figures": dict(kept.figures)},
        )
        facts = figures_line(kept.figures, lang)
        if kept.recipe.too_long_for_a_link():
            said = escaped(lang, "The link leaves the mark out; the file holds it.")
            facts += f'<div class="line">{said}</div>'
        update = {self.facts: facts, self.last: last}
        strength, colours = self._wanted(values)
        if strength < 1 or colours:
            kept = on_files.finished(kept.recipe, upload, last.raw, strength, colours)
            return update | self.outcome(kept, None, last, traces, lang)
        return update | self.outcome(kept, last.raw, last, traces, lang)

    def _wanted(self, values: Mapping) -> tuple[float, bool]:
        """Strength and colours as the two controls say; of a task without them, all of it."""
        if not self.finishing:
            return 1.0, False
        return values[self.finishing["strength"]], values[self.finishing["keep_colours"]]

    def outcome(
        self, kept: Kept, path: str | None, last: Last, traces: list[str], lang: str
    ) -> dict:
        """A finished picture on view; `path`: its file, where it lies in Gradio's cache already."""
        return {self.view: self._view(kept, last, traces, lang)} | self._files(
            kept, path, last, traces, lang
        )

    def _view(self, kept: Kept, last: Last, traces: list[str], lang: str) -> str:
        """Both pictures, the second at full strength: the page itself lets the first shine through,
        unless they are see-through themselves.
        """
        before, after = kept.beside["before"], kept.beside["after"]
        strength = kept.recipe.settings.get("strength", 1.0)
        colours = kept.recipe.settings.get("keep_colours", False)
        see_through = _see_through(kept)
        if strength < 1 and not see_through:
            whole = on_files.finished(kept.recipe, last.upload, last.raw, 1.0, colours)
            after = whole.beside["after"]
        return before_after(
            keeping.address(before, traces),
            keeping.address(after, traces, source_type(kept.recipe)),
            lang,
            see_through,
            1.0 if see_through else strength,
        )

    def _files(
        self, kept: Kept, path: str | None, last: Last, traces: list[str], lang: str
    ) -> dict:
        """What one can take away of it."""
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            path = path or keeping.stored(images.keep(kept, Path(folder), 0), traces)
            report = Path(folder) / f"{Path(path).stem}-report.json"
            images.save_text(
                images.as_json({"recipe": common.plain_recipe(kept.recipe), "report": last.report}),
                report,
            )
            kept_report = keeping.stored(report, traces)
        return {
            self.download: common.download(path, "Download", lang),
            self.report: common.download(kept_report, "Report", lang),
            self.link: kept.recipe.to_link(),
            self.file: path,
            self.formats.link: "",
        }

    def mixed(self, values: Mapping, request: gr.Request) -> dict:
        """Another strength: the page has shown it already, and the file follows."""
        return self._finished(values, request, _see_through)

    def recoloured(self, values: Mapping, request: gr.Request) -> dict:
        """The original's colours, or no longer."""
        return self._finished(values, request, lambda kept: True)

    def _finished(self, values: Mapping, request: gr.Request, seen: Callable[[Kept], bool]) -> dict:
        """The last result otherwise; `seen`: does what is on view change?"""
        last: Last | None = values[self.last]
        if not last:
            return {self.line: gr.skip()}
        lang = common.language(request)
        try:
            kept = on_files.finished(
                from_json(last.recipe), last.upload, last.raw, *self._wanted(values)
            )
            traces = values[self.traces]
            return (
                self.outcome(kept, None, last, traces, lang)
                if seen(kept)
                else self._files(kept, None, last, traces, lang)
            )
        except UserError as e:
            return {self.line: common.refusal(e, lang)}

    def brought(self, upload: str | None, values: Mapping, lang: str) -> dict:
        """The picture that a person brought, on the stage before anything is made of it; the
        example leaves, and so does the result of another picture. {} where it is there already.
        """
        if not upload or values.get(self.staged) == upload:
            return {}
        emptied = self.cleared(lang) | {self.staged: upload}
        del emptied[self.traces]  # what lies on the disk can still be deleted
        try:
            shown = Stage(self.engine, upload, values[self.traces], lang).view
            emptied[self.view] = "" if self.painted else shown
        except UserError as e:
            emptied[self.line] = common.refusal(e, lang)
        return emptied

    def stopped_view(self, parts: Sequence[Part] | None, traces: list[str], lang: str) -> dict:
        """What was done when a run was stopped."""
        view = stage.stopped(parts or (), traces, lang)
        return {self.view: view} if view else {}


def _see_through(kept: Kept) -> bool:
    return kept.beside["after"].mode in ("LA", "RGBA")


STRONGER = """(strength) => {
  document.querySelector("#NAME-view .compare")?.style.setProperty("--strength", strength);
}"""
FIGURES = {
    "consistency_db": "shrunk back it equals the original to {n} dB",
    "drift": "colours moved by {n} (1 is just visible)",
    "seam": "seams: {n} of 255",
    "invented": "invented detail: {n} of 255",
    "psnr_db": "PSNR {n} dB",
    "ssim": "SSIM {n}",
    "denoise": "denoise strength {n}",
    "filled_share": "share of all pixels that was filled: {n}",
    "loss": "difference from what is known: {n}",
    "untiled_difference": "strips differ from the whole by at most {n} of 255",
}


def figures_line(figures: Mapping, lang: str) -> str:
    """The figures of a result, in words."""
    said = [say(lang, FIGURES[k], n=f"{figures[k]:.4g}") for k in FIGURES if k in figures]
    if figures.get("tiles"):
        said.insert(
            0,
            say(
                lang,
                "one tile" if figures["tiles"] == 1 else "{count} tiles of {n} px",
                count=figures["tiles"],
                n=figures.get("tile", ""),
            ),
        )
    return f'<div class="line">{html.escape(" · ".join(said))}</div>' if said else ""
