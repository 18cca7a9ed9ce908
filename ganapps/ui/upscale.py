"""The upscale tab: your picture enlarged, before and after on each other, every model on a crop, and what was invented."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe, from_file
from ganapps.report import seconds
from ganapps.ui import common
from ganapps.ui.before_after import ResultArea, example, examples, figures_line, picture_box
from ganapps.ui.words import say, t

CROP = 96  # pixels a side of the part on which all models are tried
SIZES = [("as the model does", "own"), ("2x", "2"), ("3x", "3"), ("4x", "4"), ("8x", "8"), ("a width in pixels", "width")]


class UpscaleTab:
    """The widgets of the tab."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.first = common.here_first(engine, "upscale")
        self._parts: dict = {}  # of the runs under way, by session: what Stop keeps
        with gr.Row(elem_classes="room"):
            with gr.Column(elem_classes="panel"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self._result()
            with gr.Column(elem_classes="more"):
                self._more()
        self.asked = {self.picture, self.model, self.own, self.size, self.width, self.tile, self.precision, self.area.strength, self.area.colours, self.sixteen, self.place}
        self._events()

    # -- what stands where

    def _panel(self) -> None:
        self.picture = picture_box(t("Your picture"), "upscale-picture")
        self.privacy = gr.HTML(common.privacy("en"))
        self.delete = gr.Button(t("Delete it now"), size="sm", elem_id="upscale-delete")
        self.model = gr.Dropdown(common.choices(self.engine, "upscale", "en"), value=self.first.id, label=t("Model"), filterable=False, elem_id="upscale-model")
        self.chips = gr.HTML(common.chips(self.first, True, "en"))
        self.size = gr.Dropdown(SIZES, value="own", label=t("How large"), filterable=False, elem_id="upscale-size")
        self.width = gr.Number(1920, label=t("Width in pixels"), precision=0, minimum=1, visible=False, elem_id="upscale-width")
        self.go = gr.Button(t("Enlarge"), variant="primary", size="lg", elem_id="upscale-go")
        self.stop = gr.Button(t("Stop"), variant="stop", size="lg", visible=False, elem_id="upscale-stop")
        self.price = gr.HTML('<div class="price"></div>', elem_id="upscale-price")
        self.examples = examples("upscale")

    def _result(self) -> None:
        self.area = ResultArea(self.engine, "upscale", "example: cat, realesrgan-x4plus")
        with gr.Row(elem_classes="actions"):
            self.download = gr.HTML(common.download(None, "Download", "en"), elem_id="upscale-download")
            self.area.listen(self.download)
            self.try_all = gr.Button(t("Every model on a crop"), size="sm", elem_id="upscale-try")
            self.restore = gr.UploadButton(t("Restore from a PNG"), file_types=[".png", ".json"], size="sm", elem_id="upscale-restore", elem_classes="restore")
        self.hint = gr.HTML(elem_id="upscale-hint")
        self.sheet = gr.Gallery(label=t("Every model on a crop"), show_label=False, visible=False, columns=4, object_fit="cover", height="auto", format="png",
                                buttons=[], interactive=False, elem_id="upscale-sheet", elem_classes=["wall", "sheet"])
        self.heat = gr.Gallery(label=t("What was invented"), show_label=False, visible=False, columns=2, object_fit="contain", height="auto", format="png",
                               buttons=["fullscreen"], interactive=False, elem_id="upscale-heat", elem_classes="wall")
        self.spot = gr.State(None)  # where the person clicked
        self.tried = gr.State([])  # the models on the contact sheet

    def _more(self) -> None:
        with gr.Accordion(t("Many pictures"), open=False, elem_id="upscale-many"):
            self.files = gr.File(file_count="multiple", label=t("Pictures"), height=140, elem_id="upscale-files")
            self.files_go = gr.Button(t("Enlarge all"), size="sm", elem_id="upscale-files-go")
            self.rows = gr.HTML(elem_id="upscale-rows")
        with gr.Accordion(t("More"), open=False, elem_id="upscale-more"):
            self.tile = gr.Number(0, label=t("Tile in pixels (0: by the memory)"), precision=0, minimum=0, maximum=4096)
            self.precision = gr.Dropdown(["auto", "float32", "bfloat16", "float16"], value="auto", label=t("Precision"), filterable=False)
            self.sixteen = gr.Checkbox(True, label=t("A picture of 16 bits stays one"))
            self.place = gr.Checkbox(False, label=t("Keep where it was taken (GPS)"))
            self.truth = picture_box(t("The true picture, to measure against"), "upscale-truth")
            self.own = gr.Textbox("", label=t("Another checkpoint of the Hub"), placeholder="owner/repo:file@revision", max_lines=1, max_length=300, elem_id="upscale-own")
        with gr.Accordion(t("About this model"), open=False, elem_id="upscale-about"):
            self.card = gr.HTML(common.card(self.first, True, "en"))

    # -- widgets -> recipe

    def recipe(self, values: Mapping, **more: object) -> Recipe:
        """What the widgets ask for."""
        settings: dict[str, object] = {"strength": values[self.area.strength], "keep_colours": values[self.area.colours], "sixteen_bit": values[self.sixteen],
                                       "keep_place": values[self.place], "tile": int(values[self.tile] or 0) or None}
        if values[self.size] == "width":
            settings["width"] = int(values[self.width] or 0)
        elif values[self.size] != "own":
            settings["scale"] = float(values[self.size])
        return Recipe("upscale", values[self.own].strip() or values[self.model], settings | more, values[self.precision])

    # -- what happens when

    def _events(self) -> None:
        shown = [*self.area.outputs, self.heat, self.go, self.stop]
        go = self.go.click(self.run, self.asked | {self.truth}, shown, show_progress="hidden", api_visibility="private", **common.DEVICE)
        shown_example = self.examples.select(example, None, self.picture, **common.QUIET).success(
            self.run, self.asked | {self.truth}, shown, show_progress="hidden", api_visibility="private", **common.DEVICE)
        tried = self.try_all.click(self.all_models, self.asked | {self.spot}, [self.sheet, self.area.line, self.tried, self.go, self.stop], show_progress="hidden",
                                   api_visibility="private", **common.DEVICE)
        many = self.files_go.click(self.run_many, self.asked | {self.files}, [self.rows, self.go, self.stop], show_progress="hidden",
                                   api_visibility="private", **common.DEVICE)
        common.stops(self.stop, [go, shown_example, tried, many], self.stopped, self.area.line, [self.area.line, self.area.view, self.download, self.go, self.stop])
        self.picture.select(self.pointed, self.picture, [self.spot, self.hint], **common.QUIET)
        self.sheet.select(self.picked, self.tried, [self.model, self.own], **common.QUIET)
        self.size.change(lambda size: gr.update(visible=size == "width"), self.size, self.width, **common.QUIET)
        self.delete.click(self.deleted, [self.picture, self.area.raw], [self.picture, self.area.view, self.area.line, self.area.facts, self.heat, self.sheet, self.download, self.area.raw],
                          **common.QUIET)
        self.restore.upload(self.dropped, self.restore, [self.model, self.own, self.size, self.width, self.area.strength, self.area.colours, self.area.line], **common.QUIET)
        self.model.change(self.chosen, self.model, [self.chips, self.card], **common.QUIET)
        gr.on([self.picture.change, self.model.change, self.size.change, self.width.change, self.area.line.change], self.priced, self.asked, self.price,
              trigger_mode="always_last", **common.QUIET)

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return [self.model, self.chips, self.card, self.privacy, self.area.view, self.download]

    def opened(self, request: gr.Request) -> list:
        """The words that depend on the visitor's language."""
        lang = common.language(request)
        here = self.engine.here(self.first)
        return [gr.update(choices=common.choices(self.engine, "upscale", lang)), common.chips(self.first, here, lang), common.card(self.first, here, lang),
                common.privacy(lang), *self.area.opened(lang).values()]

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """One picture, tile by tile; strength and colours come after, so that they can be changed at once."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield {self.area.line: common.refusal(UserError("There is no picture yet: drop one into the box."), lang)}
            return
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
        recipe = self.recipe(values).with_settings(strength=1.0, keep_colours=False)
        for shown in common.show(self.engine.run(recipe, [upload]), recipe, lang):
            self._parts[request.session_hash] = shown.part
            update = {self.area.line: shown.line}
            if shown.archive:
                kept = shown.kept[-1]
                heat = [(kept.beside[n], say(lang, n)) for n in ("contradicted", "invented") if n in kept.beside]
                update |= self.area.arrived(shown, upload, values, lang) | {self.heat: gr.update(value=heat, visible=bool(heat))}
                if values[self.truth]:
                    update[self.area.facts] = figures_line(kept.figures | self.engine.against_truth(shown.files[-1][0], values[self.truth]), lang)
            yield update
        self._parts.pop(request.session_hash, None)
        yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def stopped(self, line: str, request: gr.Request) -> dict:
        """Stop: the part that is done stays."""
        update = {self.area.line: common.plain(line, say(common.language(request), "stopped")), self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}
        return update | self.area.stopped_view(self._parts.pop(request.session_hash, None))

    def all_models(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """A contact sheet: each model that is here on the same crop, with seconds and licence under each."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield {self.area.line: common.refusal(UserError("There is no picture yet: drop one into the box."), lang)}
            return
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
        cells: list[tuple] = []
        tried: list[str] = []
        try:
            crop = self.engine.crop_around(upload, values[self.spot], CROP)
            for row in (c for c in self.engine.rows("upscale") if self.engine.here(c)):
                recipe = Recipe("upscale", row.id, {"crop": crop, "inspect": False})
                for result in self.engine.run(recipe, [upload]):
                    pass
                kept, report = result.made[-1], result.report
                if not cells:
                    cells.append((kept.beside["before"], say(lang, "bicubic, no network")))
                    tried.append("")
                cells.append((kept.beside["after"], f"{row.title} · {seconds(report.seconds)} · {row.licence.split(';')[0][:28]}"))
                tried.append(row.id)
                yield {self.sheet: gr.update(value=cells, visible=True), self.tried: tried}
        except UserError as e:
            yield {self.area.line: common.refusal(e, lang)}
        yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def run_many(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Many pictures, a row each."""
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
        keep_file = self.rows.move_resource_to_block_cache
        for table in common.many(self.engine, self.recipe(values), values[self.files] or [], keep_file, common.language(request)):
            yield {self.rows: table}
        yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def pointed(self, picture: str, request: gr.Request, event: gr.SelectData) -> tuple:
        """A click on the picture chooses the crop on which all models are tried."""
        spot = [int(n) for n in event.index[:2]]
        return spot, f'<div class="price">{html.escape(say(common.language(request), "The crop is around {x}, {y}: press Every model on a crop.", x=spot[0], y=spot[1]))}</div>'

    def picked(self, tried: list[str], event: gr.SelectData) -> tuple:
        """A click on the contact sheet takes that model."""
        chosen = tried[event.index] if event.index < len(tried) else ""
        return (chosen, "") if chosen else (gr.skip(), gr.skip())

    def deleted(self, picture: str | None, last: tuple | None, request: gr.Request) -> tuple:
        """The upload and everything made of it are gone from this machine's disk now."""
        common.delete([picture, *(last[:2] if last else ())])
        link = common.download(None, "Download", common.language(request))
        return None, "", '<div class="line"></div>', "", gr.update(value=[], visible=False), gr.update(value=[], visible=False), link, None

    def dropped(self, path: str, request: gr.Request) -> dict:
        """A PNG of ours, dropped: its settings come back (the picture itself was never in it)."""
        lang = common.language(request)
        try:
            recipe = from_file(path)
            if recipe.task != "upscale":
                raise UserError("This picture was made on another tab: drop it there.")
            self.engine.checked(recipe)
        except UserError as e:
            return {self.area.line: common.refusal(e, lang)}
        s, known = recipe.settings, self.engine.row(recipe.checkpoint) is not None
        size = "width" if s.get("width") else f"{s['scale']:g}" if s.get("scale") in (2, 3, 4, 8) else "own"
        return {self.model: recipe.checkpoint if known else gr.skip(), self.own: "" if known else recipe.checkpoint, self.size: size,
                self.width: gr.update(value=s.get("width") or 1920, visible=size == "width"), self.area.strength: s.get("strength", 1), self.area.colours: s.get("keep_colours", False),
                self.area.line: common.plain("", say(lang, "The settings are back. Choose the picture again: no upload is ever kept in a recipe."))}

    def chosen(self, model: str, request: gr.Request) -> tuple[str, str]:
        """Another model: its chips and card."""
        return common.about(self.engine, model, common.language(request))

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        try:
            return common.price_line(self.engine.price(self.recipe(values), [values[self.picture]]), lang) if values[self.picture] else ""
        except UserError as e:
            return common.refusal(e, lang)
