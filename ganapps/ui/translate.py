"""The translate tab: your picture in another domain, several at once, and whether the model can take it back."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import gradio as gr

from ganapps.catalog import Checkpoint
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe, from_file, from_json
from ganapps.report import seconds
from ganapps.ui import common
from ganapps.ui.before_after import ResultArea, example, examples, picture_box
from ganapps.ui.words import say, t

SMALL = 256  # pixels of the longer side of the picture on which all models are tried


class TranslateTab:
    """The widgets of the tab."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.first = common.here_first(engine, "translate")
        with gr.Row(elem_classes="room"):
            with gr.Column(elem_classes="panel"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self._result()
            with gr.Column(elem_classes="more"):
                self._more()
        self.asked = {self.picture, self.model, self.own, self.style, self.precision, self.area.strength, self.area.colours, self.place}
        self._events()

    def _panel(self) -> None:
        self.picture = picture_box(t("Your picture"), "translate-picture")
        self.privacy = gr.HTML(common.privacy("en"))
        self.delete = gr.Button(t("Delete it now"), size="sm", elem_id="translate-delete")
        self.model = gr.Dropdown(common.choices(self.engine, "translate", "en"), value=self.first.id, label=t("Model"), filterable=False, elem_id="translate-model")
        self.chips = gr.HTML(_chips(self.first, True, "en"))
        self.switch = gr.Button(t("The other way"), size="sm", visible=bool(self.first.back), elem_id="translate-switch")
        self.style = gr.Slider(0, 25, 0, step=1, label=t("Style"), visible=self.first.network == "styles26", elem_id="translate-style")
        self.go = gr.Button(t("Translate"), variant="primary", size="lg", elem_id="translate-go")
        self.stop = gr.Button(t("Stop"), variant="stop", size="lg", visible=False, elem_id="translate-stop")
        self.price = gr.HTML('<div class="price"></div>', elem_id="translate-price")
        self.examples = examples("translate")

    def _result(self) -> None:
        self.area = ResultArea(self.engine, "translate", "example: coffee, styles-26, style 9")
        with gr.Row(elem_classes="actions"):
            self.download = gr.HTML(common.download(None, "Download", "en"), elem_id="translate-download")
            self.area.listen(self.download)
            self.try_all = gr.Button(t("Every model on it"), size="sm", elem_id="translate-try")
            self.cycle_go = gr.Button(t("And back again"), size="sm", visible=bool(self.first.back), elem_id="translate-cycle-go")
            self.restore = gr.UploadButton(t("Restore from a PNG"), file_types=[".png", ".json"], size="sm", elem_id="translate-restore", elem_classes="restore")
        self.cycle = gr.HTML(elem_id="translate-cycle")
        self.sheet = gr.Gallery(label=t("Every model on it"), show_label=False, visible=False, columns=4, object_fit="cover", height="auto", format="png", buttons=[],
                                interactive=False, elem_id="translate-sheet", elem_classes=["wall", "sheet"])
        self.tried = gr.State([])

    def _more(self) -> None:
        with gr.Accordion(t("Many pictures"), open=False, elem_id="translate-many"):
            self.files = gr.File(file_count="multiple", label=t("Pictures"), height=140, elem_id="translate-files")
            self.files_go = gr.Button(t("Translate all"), size="sm", elem_id="translate-files-go")
            self.rows = gr.HTML(elem_id="translate-rows")
        with gr.Accordion(t("More"), open=False, elem_id="translate-more"):
            self.precision = gr.Dropdown(["auto", "float32", "bfloat16", "float16"], value="auto", label=t("Precision"), filterable=False)
            self.place = gr.Checkbox(False, label=t("Keep where it was taken (GPS)"))
            self.own = gr.Textbox("", label=t("Another checkpoint of the Hub"), placeholder="owner/repo:file@revision", max_lines=1, max_length=300, elem_id="translate-own")
        with gr.Accordion(t("About this model"), open=False, elem_id="translate-about"):
            self.card = gr.HTML(common.card(self.first, True, "en"))

    def recipe(self, values: Mapping, **more: object) -> Recipe:
        """What the widgets ask for."""
        checkpoint = values[self.own].strip() or values[self.model]
        row = self.engine.row(checkpoint)
        styles = {str(int(values[self.style])): 1.0} if row and row.network == "styles26" else None
        settings = {"labels": styles, "keep_place": values[self.place], "strength": values[self.area.strength], "keep_colours": values[self.area.colours]}
        return Recipe("translate", checkpoint, settings | more, values[self.precision])

    def _events(self) -> None:
        busy = {"show_progress": "hidden", "api_visibility": "private", **common.DEVICE}
        go = self.go.click(self.run, self.asked, [*self.area.outputs, self.cycle, self.go, self.stop], **busy)
        shown_example = self.examples.select(example, None, self.picture, **common.QUIET).success(
            self.run, self.asked, [*self.area.outputs, self.cycle, self.go, self.stop], **busy)
        tried = self.try_all.click(self.all_models, self.asked, [self.sheet, self.area.line, self.tried, self.go, self.stop], **busy)
        cycle = self.cycle_go.click(self.and_back, {self.area.raw}, [self.cycle, self.area.line, self.go, self.stop], **busy)
        many = self.files_go.click(self.run_many, self.asked | {self.files}, [self.rows, self.go, self.stop], **busy)
        common.stops(self.stop, [go, shown_example, tried, cycle, many], self.stopped, self.area.line, [self.area.line, self.go, self.stop])
        self.sheet.select(self.picked, self.tried, [self.model, self.own], **common.QUIET)
        self.switch.click(lambda model: self.engine.row(model).back or model, self.model, self.model, **common.QUIET)
        self.delete.click(self.deleted, [self.picture, self.area.raw], [self.picture, *self.area.outputs, self.cycle, self.sheet], **common.QUIET)
        self.restore.upload(self.dropped, self.restore, [self.model, self.own, self.style, self.area.strength, self.area.colours, self.area.line], **common.QUIET)
        self.model.change(self.chosen, self.model, [self.chips, self.card, self.switch, self.style, self.cycle_go], **common.QUIET)
        gr.on([self.picture.change, self.model.change, self.own.change, self.area.line.change], self.priced, self.asked, self.price,
              trigger_mode="always_last", **common.QUIET)

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return [self.model, self.chips, self.card, self.privacy, self.area.view, self.download]

    def opened(self, request: gr.Request) -> list:
        """The words that depend on the visitor's language."""
        lang = common.language(request)
        here = self.engine.here(self.first)
        return [gr.update(choices=common.choices(self.engine, "translate", lang)), _chips(self.first, here, lang), common.card(self.first, here, lang),
                common.privacy(lang), *self.area.opened(lang).values()]

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """One picture into the other domain."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield {self.area.line: common.refusal(UserError("There is no picture yet: drop one into the box."), lang)}
            return
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True), self.cycle: ""}
        recipe = self.recipe(values).with_settings(strength=1.0, keep_colours=False)
        for shown in common.show(self.engine.run(recipe, [upload]), recipe, lang):
            yield {self.area.line: shown.line} | (self.area.arrived(shown, upload, values, lang) if shown.archive else {})
        yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def and_back(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The cycle check: the result goes through the other generator, and is laid beside the picture that came."""
        lang = common.language(request)
        if not values[self.area.raw]:
            yield {self.area.line: common.refusal(UserError("Translate a picture first."), lang)}
            return
        upload, there, text = values[self.area.raw]
        row = self.engine.row(from_json(text).checkpoint)
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
        recipe = Recipe("translate", row.back, {})
        for shown in common.show(self.engine.run(recipe, [there]), recipe, lang):
            update = {self.area.line: shown.line}
            if shown.archive:
                update[self.cycle] = self._cycle(upload, shown, lang)
            yield update
        yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def _cycle(self, upload: str, shown: common.Shown, lang: str) -> str:
        back = self.engine.returned(upload, shown.files[-1][0])
        beside = shown.kept[-1].beside
        frames = [(beside["before"], say(lang, "theirs")), (beside["after"], say(lang, "and back again")), (back.map, say(lang, "where it differs"))]
        pictures = "".join(f'<figure><img src="{self.area.address(p)}" alt="{html.escape(w)}"><figcaption>{html.escape(w)}</figcaption></figure>' for p, w in frames)
        said = say(lang, "Returns {percent} % of your picture (cycle-consistency loss {loss}).", percent=back.percent, loss=back.loss)
        return f'<div class="cycle">{pictures}</div><p class="verdict">{html.escape(said)}</p>'

    def all_models(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Every model that is here on the same picture, made small."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield {self.area.line: common.refusal(UserError("There is no picture yet: drop one into the box."), lang)}
            return
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
        cells, tried = [], []
        try:
            with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
                small = self.engine.shrunk(upload, SMALL, Path(folder))
                for row in (c for c in self.engine.rows("translate") if self.engine.here(c)):
                    for result in self.engine.run(Recipe("translate", row.id, {}), [small]):
                        pass
                    cells.append((result.made[-1].beside["after"], f"{row.title} · {seconds(result.report.seconds)} · {row.licence.split(';')[0][:28]}"))
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

    def stopped(self, line: str, request: gr.Request) -> tuple:
        """Stop: what is there stays."""
        return common.plain(line, say(common.language(request), "stopped")), gr.update(visible=True), gr.update(visible=False)

    def picked(self, tried: list[str], event: gr.SelectData) -> tuple:
        """A click on a thumbnail takes that model."""
        return (tried[event.index], "") if event.index < len(tried) else (gr.skip(), gr.skip())

    def deleted(self, picture: str | None, raw: tuple | None, request: gr.Request) -> tuple:
        """The upload and what was made of it are gone from this machine's disk now."""
        common.delete([picture, *(raw[:2] if raw else ())])
        link = common.download(None, "Download", common.language(request))
        return None, "", '<div class="line"></div>', "", link, None, "", gr.update(value=[], visible=False)

    def dropped(self, path: str, request: gr.Request) -> dict:
        """A PNG of ours, dropped: its settings come back."""
        lang = common.language(request)
        try:
            recipe = from_file(path)
            if recipe.task != "translate":
                raise UserError("This picture was made on another tab: drop it there.")
            self.engine.checked(recipe)
        except UserError as e:
            return {self.area.line: common.refusal(e, lang)}
        s, known = recipe.settings, self.engine.row(recipe.checkpoint) is not None
        style = next(iter(s.get("labels") or {}), "0")
        return {self.model: recipe.checkpoint if known else gr.skip(), self.own: "" if known else recipe.checkpoint,
                self.style: int(style) if style.isdigit() else 0, self.area.strength: s.get("strength", 1), self.area.colours: s.get("keep_colours", False),
                self.area.line: common.plain("", say(lang, "The settings are back. Choose the picture again: no upload is ever kept in a recipe."))}

    def chosen(self, model: str, request: gr.Request) -> list:
        """Another model: its chips and card, its way back, its styles."""
        lang, row = common.language(request), self.engine.row(model)
        back = gr.update(visible=bool(row.back))
        return [_chips(row, self.engine.here(row), lang), common.card(row, self.engine.here(row), lang), back, gr.update(visible=row.network == "styles26"), back]

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        try:
            return common.price_line(self.engine.price(self.recipe(values), [values[self.picture]]), lang) if values[self.picture] else ""
        except UserError as e:
            return common.refusal(e, lang)


def _chips(row: Checkpoint, here: bool, lang: str) -> str:
    """The licence and facts, the two domains, and what kind of model it is."""
    words = [" → ".join(say(lang, d) for d in row.domains)] if row.domains else []
    words += [say(lang, "paired training")] if row.paired else []
    words += [say(lang, "style transfer, no GAN")] if row.kind == "style transfer" else []
    return common.chips(row, here, lang, words)
