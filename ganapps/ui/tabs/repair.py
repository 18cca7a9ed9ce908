"""The repair tab: what is marked of your picture is filled, and nothing else of it changes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ganapps.engine import Engine, on_files
from ganapps.errors import Message, UserError
from ganapps.models.catalog import Checkpoint
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.ui.doors import files
from ganapps.ui.parts import common, progress
from ganapps.ui.parts.before_after import picture_box
from ganapps.ui.parts.boxes import with_commas
from ganapps.ui.parts.dials import DIALS
from ganapps.ui.parts.painter import adds, painter, replaces
from ganapps.ui.parts.picture_tab import PictureTab, Words
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import say, t

SMALL = 512  # pixels of the longer side of the picture on which all models are tried
TRIED = 200  # steps there, of what is fitted


class RepairTab(PictureTab):
    """What filling has of its own: the mark, painted, typed, brought or found."""

    name = "repair"
    title = "Repair"
    shows = ("repair", "scratches")
    send = "Send to Repair"
    at_once = False

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(
            engine,
            receivers,
            Words(t("Fill"), t("Fill all"), t("Every model on it"), ("cat", "filler-ours")),
        )

    def panel(self) -> None:
        """The mark, as it is not painted: found, typed, brought."""
        self.find = gr.Button(t("Find scratches"), size="sm", elem_id="repair-find")
        self.box = gr.Textbox(
            "",
            label=t("And this box: x, y, width, height"),
            placeholder="40, 60, 96, 96",
            max_lines=1,
            max_length=60,
            elem_id="repair-box",
        )
        self.mask = gr.Textbox("", visible="hidden", elem_id="repair-mask")
        self.found = gr.Textbox("", visible="hidden", elem_id="repair-found")
        self.extra_widgets += [self.box, self.mask]
        self.waits = gr.State(False)  # the mark of a recipe waits for its picture

    def below(self) -> None:
        """The picture to paint on, which is the stage until there is a result (window.css)."""
        self.area.painted = True
        self.painter = gr.HTML(elem_id="repair-painter")

    def actions(self) -> None:
        """One thing after another is taken out."""
        self.again = gr.Button(t("Go on with the result"), size="sm", elem_id="repair-again")

    def more(self) -> None:
        """A mask that was made elsewhere; what only some models take."""
        self.widgets.make("does", visible=self.first.kind == "fitted")
        self.mask_file = picture_box(t("A mask: white is filled"), "repair-mask-file")
        self.more_uploads.append(self.mask_file)
        self.face = gr.Textbox(
            "",
            label=t("The head, for a face generator: x, y, side of a square"),
            placeholder="40, 60, 96",
            max_lines=1,
            max_length=60,
            elem_id="repair-face",
        )
        self.extra_widgets.append(self.face)

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """A prior can do more than fill."""
        if name == "does":
            return row is not None and row.kind == "fitted"
        return super().takes(name, row)

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """What a prior does, with a prior only."""
        fitted = gr.update(visible=row.kind == "fitted")
        return super().model_chosen(row, lang) | {self.widgets.by_name["does"]: fitted}

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The mark, and where the head is."""
        return {
            "mask": on_files.in_recipe(values[self.mask]),
            "box": _box(values[self.box]),
            "face": _face(values[self.face]),
        }

    def masks(self, values: Mapping, folder: Path) -> list[str]:
        """A mark that is too fine for a recipe."""
        return on_files.as_file(values[self.mask], folder)

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {*super().filling_outputs, self.waits}

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The mark waits for its picture."""
        settings = recipe.settings
        return super().restored(recipe, lang) | {
            self.waits: True,
            self.mask: settings["mask"] or "",
            self.box: ", ".join(map(str, settings["box"] or [])),
            self.face: ", ".join(map(str, settings["face"] or [])),
        }

    def filled(self, asked: Recipe | Race, values: Mapping, lang: str) -> dict:
        """A mask is no setting: it is found again."""
        if isinstance(asked, Recipe) and asked.task == "scratches":
            self.engine.checked(asked)
            told = "Choose the picture again and press Find scratches: no upload is in a recipe."
            return {self.line: progress.plain("", say(lang, told))}
        return super().filled(asked, values, lang)

    def running_events(self) -> list:
        """A picture to paint on, scratches, a mask that came, the result once more."""
        staged = [self.painter, self.line, self.mask, self.waits]
        self.picture.change(self.stage, {self.picture, self.waits}, staged, **common.QUIET)
        self.mask.change(None, self.mask, None, js=replaces(self.name))
        brought: set[Block] = {self.picture, self.mask_file}
        came = self.mask_file.upload(
            self.mask_came, brought, [self.found, self.line], **common.QUIET
        )
        came.success(None, self.found, None, js=adds(self.name))
        self.again.click(self.once_more, self.area.file, [self.picture, self.line], **common.QUIET)
        outputs = [self.found, self.line, self.go, self.stop]
        searched = self.stoppable(self.searched)
        search = self.find.click(searched, {self.picture}, outputs, **common.BUSY)
        search.success(None, self.found, None, js=adds(self.name))
        return [search]

    def cleared(self) -> dict:
        """What was found is on the picture already."""
        return {self.found: ""}

    def stage(self, values: Mapping, request: gr.Request) -> dict:
        """The picture that came, to be painted on; what was painted on another one is gone."""
        lang, upload = common.language(request), values[self.picture]
        mark = {self.waits: not upload} if values[self.waits] else {self.mask: ""}
        if not upload:
            return {self.painter: ""} | mark
        try:
            with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
                small = on_files.small_copy(upload, Path(folder))
                address = common.served(files.keep(small) if small else upload)
            shown = painter(address, on_files.size(upload), lang)
        except UserError as e:
            return {self.painter: "", self.line: common.refusal(e, lang)} | mark
        return {self.painter: shown} | mark

    def mask_came(self, values: Mapping, request: gr.Request) -> dict:
        """What a mask file marks is added to what is painted."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            return self._no_picture(lang)
        try:
            marked = on_files.mask(values[self.mask_file], upload)
            if not marked:
                raise UserError(
                    "This mask marks nothing: what is white in it is filled, or what is painted on "
                    "nothing."
                )
            return {self.found: marked}
        except UserError as e:
            return self.cleared() | {self.line: common.refusal(e, lang)}

    def searched(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Scratches, dust and folds are added to what is painted."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield self._no_picture(lang)
            return
        yield self.busy(True) | self.cleared()
        recipe = Recipe("scratches", common.here_first(self.engine, "scratches").id)
        try:
            for shown in common.show(self.engine.run(recipe, [upload]), recipe, lang, keep=str):
                yield {self.line: shown.line}
                if shown.archive:
                    yield self._marked(shown, upload, lang)
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}

    def _marked(self, shown: common.Shown, upload: str, lang: str) -> dict:
        """What was found, and how much that is."""
        marked = on_files.mask(shown.files[-1][0], upload)
        said = Message("No scratches were found: paint over what you see.")
        if marked:
            share = shown.kept[-1].figures["damaged_share"]
            said = Message("Scratches are marked: {share} of the picture.", share=f"{share:.2%}")
        return {self.found: marked, self.line: progress.plain("", say(lang, said))}

    def once_more(self, result: str | None, request: gr.Request) -> dict:
        """The result becomes the picture."""
        if result is None:
            refused = UserError("There is nothing to go on with yet: fill something first.")
            return {self.line: common.refusal(refused, common.language(request))}
        return {self.picture: result}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """All models on the picture made small."""
        return on_files.shrunk(upload, SMALL, folder), ""

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """The same mark; what is fitted gets few steps, and the large one is left out."""
        told = self.widgets.asked(values, lambda name: name not in ("does", *DIALS))
        settings = told | self.settings(values, row) | {"face": None}
        if values[self.mask]:
            settings["mask"] = on_files.smaller(values[self.mask], SMALL)
        if settings["box"]:
            width, height = on_files.size(values[self.picture])
            share = min(1.0, SMALL / max(width, height))
            settings["box"] = [round(share * number) for number in settings["box"]]
        if row is None or row.kind != "fitted":
            return settings
        return settings | {"steps": TRIED} if row.parameters < 1_000_000 else None


def _box(text: str) -> list[int] | None:
    """[x, y, width, height] of what stands in the field, None where it is empty. Raises
    UserError.
    """
    numbers = _numbers(text)
    if text.strip() and len(numbers) != 4:
        raise UserError("A box is four whole numbers: x, y, width, height.")
    return numbers or None


def _face(text: str) -> list[int] | None:
    """[x, y, side] of what stands in the field, None where it is empty. Raises UserError."""
    numbers = _numbers(text)
    if text.strip() and len(numbers) != 3:
        raise UserError("A head's square is three whole numbers: x, y, side.")
    return numbers or None


def _numbers(text: str) -> list[int]:
    """The whole numbers of a text that holds nothing else; [] of any other."""
    text = with_commas(text)
    if not re.fullmatch(r"[\s,;x\d-]*", text):
        return []
    return [int(number) for number in re.findall(r"-?\d{1,6}", text)]
