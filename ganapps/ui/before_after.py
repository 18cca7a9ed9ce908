"""Your picture in and the result beside it: an upload box that opens nothing, and a before/after that mouse, touch and keyboard move."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Mapping
from pathlib import Path

import gradio as gr

from ganapps import images
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import from_json
from ganapps.report import Kept, Part
from ganapps.ui import common
from ganapps.ui.words import say, t


def picture_box(label: object, elem_id: str) -> gr.Image:
    """The upload box every picture-to-picture tab begins with; its value is the path of the file as it came.

    Gradio's own opens a picture before our code sees it, so that a hostile one ends in a bare error; here ganapps.uploads opens it.
    """
    box = gr.Image(label=label, type="filepath", image_mode=None, sources=["upload", "clipboard", "webcam"], elem_id=elem_id, height=220,
                   format="png", buttons=[])
    box.preprocess = lambda payload: payload.path if payload is not None else None
    return box


HERE = Path(__file__).parent
SHOWN = HERE / "examples" / "shown"
EXAMPLES = sorted((HERE / "examples").glob("*.png"))


def examples(name: str) -> gr.Gallery:
    """Three pictures that one click takes."""
    return gr.Gallery([(str(p), p.stem) for p in EXAMPLES], columns=3, height="auto", allow_preview=False, show_label=False, label=t("Examples"), buttons=[],
                      interactive=False, format="png", elem_id=f"{name}-examples", elem_classes=["wall", "examples"])


def example(event: gr.SelectData) -> str:
    """The path of the example that was clicked."""
    return str(EXAMPLES[event.index])


def before_after(before: str, after: str, lang: str, see_through: bool = False) -> str:
    """Two pictures of one shape on each other, addresses as `served` gives them; a range input, laid over them, is the handle."""
    labels = {k: html.escape(say(lang, k)) for k in ("Before", "After", "Before and after: arrow keys move the edge", "Lens")}
    return (f'<figure class="compare{" see-through" if see_through else ""}">'
            f'<img class="before" src="{html.escape(before)}" alt="{labels["Before"]}"><img class="after" src="{html.escape(after)}" alt="{labels["After"]}">'
            f'<span class="edge"></span><span class="tag left">{labels["Before"]}</span><span class="tag right">{labels["After"]}</span>'
            f'<span class="lens" aria-hidden="true"><i></i><i></i></span>'
            f'<input type="range" min="0" max="100" step="1" value="50" aria-label="{labels["Before and after: arrow keys move the edge"]}">'
            f'<button type="button" class="lens-button" aria-pressed="false">{labels["Lens"]}</button></figure>')


class ResultArea:
    """Where the result of a picture-to-picture run stands: before and after, its line and figures, a download; strength and colours
    that act at once, without the network. `raw` holds (upload, result at full strength, recipe) of the last run."""

    def __init__(self, engine: Engine, name: str, note: str) -> None:
        """`note` says what the picture of the first visit is: `examples/shown/NAME-before.webp` and `-after`."""
        self.engine = engine
        self.shown = [common.served(SHOWN / f"{name}-{side}.webp") for side in ("before", "after")]  # the first visit never shows an empty page
        self.view = gr.HTML(before_after(*self.shown, "en"), elem_id=f"{name}-view")
        self.line = gr.HTML(f'<div class="line">{html.escape(note)}</div>', elem_id=f"{name}-line")
        self.facts = gr.HTML(elem_id=f"{name}-facts")
        with gr.Row(elem_classes="pair"):
            self.strength = gr.Slider(0, 1, 1, step=0.05, label=t("Strength"), elem_id=f"{name}-strength")
            self.colours = gr.Checkbox(False, label=t("Keep the original colours"), elem_id=f"{name}-colours")
        self.raw = gr.State(None)

    def listen(self, download: gr.HTML) -> None:
        """Wire the two controls; `download` holds the link to the result."""
        self.download = download
        gr.on([self.strength.release, self.colours.input], self.finished, {self.raw, self.strength, self.colours}, [self.view, download, self.line],
              trigger_mode="always_last", **common.QUIET)

    def opened(self, lang: str) -> dict:
        """The first visit, in the visitor's language."""
        return {self.view: before_after(*self.shown, lang), self.download: common.download(None, "Download", lang)}

    def cleared(self, lang: str) -> dict:
        """Nothing."""
        return {self.view: "", self.line: '<div class="line"></div>', self.facts: "", self.download: common.download(None, "Download", lang), self.raw: None}

    @property
    def outputs(self) -> list:
        """What `arrived` and `outcome` fill."""
        return [self.view, self.line, self.facts, self.download, self.raw]

    def arrived(self, shown: common.Shown, upload: str, values: Mapping, lang: str) -> dict:
        """A run's result, made at full strength, as the two controls want it."""
        kept, raw = shown.kept[-1], self.view.move_resource_to_block_cache(shown.files[-1][0])
        update = self.outcome(kept, raw, lang) | {self.facts: figures_line(kept.figures, lang), self.raw: (upload, raw, kept.recipe.to_json())}
        if values[self.strength] < 1 or values[self.colours]:
            update |= self.outcome(self.engine.finished(kept.recipe, upload, raw, values[self.strength], values[self.colours]), None, lang)
        return update

    def outcome(self, kept: Kept, path: str | None, lang: str) -> dict:
        """A finished picture on view; `path`: its file, where it lies in Gradio's cache already."""
        before, after = kept.beside["before"], kept.beside["after"]
        view = before_after(self.address(before), self.address(after), lang, see_through=after.mode in ("LA", "RGBA"))
        return {self.view: view, self.download: common.download(path or self.file(kept), "Download", lang)}

    def finished(self, values: Mapping, request: gr.Request) -> dict:
        """Another strength, the original's colours: at once."""
        if not values[self.raw]:
            return {self.line: gr.skip()}
        upload, raw, recipe = values[self.raw]
        lang = common.language(request)
        try:
            return self.outcome(self.engine.finished(from_json(recipe), upload, raw, values[self.strength], values[self.colours]), None, lang)
        except UserError as e:
            return {self.line: common.refusal(e, lang)}

    def stopped_view(self, part: Part | None) -> dict:
        """The part that was done when a run was stopped."""
        picture = images.part_picture(part) if part else None
        return {} if picture is None else {self.view: f'<img class="part" src="{html.escape(self.address(picture))}" alt="">'}

    def file(self, kept: Kept) -> str:
        """The picture's file, in Gradio's cache."""
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            return self.view.move_resource_to_block_cache(str(images.keep(kept, Path(folder), 0)))

    def address(self, picture) -> str:
        """Where the page finds a picture that is only looked at."""
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            path = Path(folder) / "shown.png"
            picture.save(path, compress_level=1)
            return common.served(self.view.move_resource_to_block_cache(str(path)))


FIGURES = {"consistency_db": "shrunk back it equals the original to {n} dB", "drift": "colours moved by {n} (1 is just visible)", "seam": "seams: {n} of 255",
           "invented": "invented detail: {n} of 255", "psnr_db": "PSNR {n} dB", "ssim": "SSIM {n}",
           "untiled_difference": "strips differ from the whole by at most {n} of 255"}


def figures_line(figures: Mapping, lang: str) -> str:
    """The figures of a result, in words."""
    said = [say(lang, FIGURES[k], n=f"{figures[k]:.4g}") for k in FIGURES if k in figures]
    if figures.get("tiles"):
        said.insert(0, say(lang, "one tile" if figures["tiles"] == 1 else "{count} tiles of {n} px", count=figures["tiles"], n=figures.get("tile", "")))
    return f'<div class="line">{html.escape(" · ".join(said))}</div>' if said else ""
