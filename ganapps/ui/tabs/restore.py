"""The restore tab: an old photograph mended in steps, each a switch, with before and after."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import files
from ganapps.ui.parts import common, found_faces, keeping, progress
from ganapps.ui.parts.before_after import before_after
from ganapps.ui.parts.boxes import with_commas
from ganapps.ui.parts.painter import painter, replaces, tints
from ganapps.ui.parts.picture_tab import PictureTab, Words
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import escaped, say, t

SMALL = 512  # pixels of the longer side of the picture on which all models are tried
STEPS = {  # each switch, and what its before and after are called
    "blocks": "Blocks removed",
    "noise": "Noise removed",
    "scratches": "Scratches filled",
    "colour": "Coloured",
    "enlarge": "Enlarged",
    "faces": "Faces mended",
}


class RestoreTab(PictureTab):
    """What mending has of its own: a switch for each step, and how the picture looked between."""

    name = "restore"
    title = "Restore"
    shows = ("restore",)
    send = "Send to Restore"

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(
            engine,
            receivers,
            Words(
                t("Restore it"), t("Restore all"), t("Every filler on it"), ("cat", "filler-ours")
            ),
        )

    def panel(self) -> None:
        """A list of models for each step, the first of which is none."""
        self.steps: dict[str, gr.Dropdown] = {}
        # recipes that name no finder keep the one of their time
        starts = {"scratches": common.here_first(self.engine, "scratches").id}
        for name in STEPS:
            declared = self.widgets.declared[name]
            self.steps[name] = gr.Dropdown(
                self._choices(name, "en"),
                value=starts.get(name, declared.default),
                label=t(declared.said.label),
                filterable=False,
                elem_id=f"restore-{name}",
            )
        self.widgets.by_name |= self.steps
        self.heads = gr.Textbox(
            "",
            label=t("Faces: x, y, side of a square around each"),
            placeholder="40, 60, 96; 200, 50, 90",
            max_lines=2,
            max_length=400,
            elem_id="restore-heads",
        )
        self.extra_widgets.append(self.heads)
        self.find = gr.Button(t("Find faces"), size="sm", elem_id="restore-find")
        self.found = gr.HTML(elem_id="restore-found")
        self.squares = gr.State([])  # of the faces that were found in this picture
        self.extra_widgets.append(self.squares)
        self.waits = gr.State(False)  # what a recipe holds waits for its picture

    def below(self) -> None:
        """The picture to paint on, and how it looked before and after each step."""
        with gr.Accordion(
            t("Paint: what else is filled, which colours"), open=False, elem_id="restore-paint"
        ):
            self.painter = gr.HTML(elem_id="restore-painter")
        self.mask = gr.Textbox("", visible="hidden", elem_id="restore-mask")
        self.hints = gr.Textbox("", visible="hidden", elem_id="restore-hints")
        self.extra_widgets += [self.mask, self.hints]
        self.between = gr.HTML(elem_id="restore-between")

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Whatever the model that fills."""
        return True

    @property
    def models(self) -> set:
        """Whatever lists models: `opened` words them."""
        return {self.model, *self.steps.values()}

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {*super().filling_outputs, self.found, self.waits}

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """What is painted, and the faces: where nobody has looked for them yet, the run does."""
        heads = _heads(values[self.heads])
        if heads is None and values[self.squares]:
            heads = []  # every tick was taken off
        hints = _hints(values[self.hints])
        return {"heads": heads, "mask": on_files.in_recipe(values[self.mask]), "hints": hints}

    def masks(self, values: Mapping, folder: Path) -> list[str]:
        """A mark that is too fine for a recipe."""
        return on_files.as_file(values[self.mask], folder)

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The faces, the steps."""
        heads = recipe.settings["heads"] or []
        hints = recipe.settings["hints"]
        return super().restored(recipe, lang) | {
            self.heads: found_faces.written(heads),
            self.squares: [],
            self.found: "",
            self.waits: True,
            self.mask: recipe.settings["mask"] or "",
            self.hints: json.dumps(hints) if hints else "",
        }

    def greeted(self, model: str, lang: str) -> dict:
        """The lists of models in the visitor's language, too."""
        worded = {
            box: gr.update(choices=self._choices(name, lang)) for name, box in self.steps.items()
        }
        return super().greeted(model, lang) | worded

    def _choices(self, name: str, lang: str) -> list[tuple[str, str]]:
        task = TASKS[self.name].others[name].task
        return [(say(lang, "leave out"), ""), *common.choices(self.engine, task, lang)]

    def running_events(self) -> list:
        """A picture to paint on; faces are looked for, when one asks for them and when one chooses
        who mends them.
        """
        self.mask.change(None, self.mask, None, js=replaces(self.name))
        self.hints.change(None, self.hints, None, js=tints(self.name))
        outputs = [self.heads, self.found, self.squares, self.line]
        staged = [*outputs, self.painter, self.mask, self.hints, self.waits]
        asked: set[Block] = {self.picture, self.squares, self.waits}
        self.picture.change(self.stage, asked, staged, **common.QUIET)
        given: set[Block] = {self.picture, self.heads, self.steps["faces"]}
        chosen = self.steps["faces"].input(self.faces_chosen, given, outputs, **common.BUSY)
        return [chosen, self.find.click(self.searched, {self.picture}, outputs, **common.BUSY)]

    def stage(self, values: Mapping, request: gr.Request) -> dict:
        """The picture that came, to be painted on; what was found and painted on another one is
        gone.
        """
        upload = values[self.picture]
        if values[self.waits]:
            rest: dict[Block, Any] = {self.waits: not upload}
        else:
            rest = {self.mask: "", self.hints: "", self.found: "", self.squares: []}
            rest |= {self.heads: ""} if values[self.squares] else {}
        if not upload:
            return rest | {self.painter: ""}
        try:
            size, lang = on_files.size(upload), common.language(request)
            return rest | {self.painter: painter(self._address(upload), size, lang, tinted=True)}
        except UserError:  # whoever shows the picture says why
            return rest | {self.painter: ""}

    def faces_chosen(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Whoever wants faces mended sees which."""
        wanted = values[self.steps["faces"]] and values[self.picture]
        if wanted and not values[self.heads].strip():
            yield from self.searched(values, request)
        else:
            yield {self.found: gr.skip()}

    def searched(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Every face that is found, with a switch; what stood in the field is replaced."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield self._no_picture(lang)
            return
        yield {self.line: progress.plain("", say(lang, "Looking for faces ..."))}
        try:
            squares = on_files.faces(upload)
            if not squares:
                raise UserError(
                    "No face was found: type a square around each, as x, y and side in pixels."
                )
            shown = found_faces.switches(
                self._address(upload), on_files.size(upload), squares, lang
            )
        except UserError as e:
            yield {self.found: "", self.squares: [], self.line: common.refusal(e, lang)}
            return
        heads = found_faces.written(squares)
        yield {self.heads: heads, self.found: shown, self.squares: squares, self.line: ""}

    def _address(self, upload: str) -> str:
        """Where the page finds the picture, or a small copy of a large one."""
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            small = on_files.small_copy(upload, Path(folder))
            return common.served(files.keep(small) if small else upload)

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """The picture before and after each step."""
        kept, traces = shown.kept[-1], values[self.area.traces]
        figures = ""
        for name, words in STEPS.items():
            if f"{name} before" not in kept.beside:
                continue
            before = keeping.address(kept.beside[f"{name} before"], traces)
            after = keeping.address(kept.beside[f"{name} after"], traces)
            figures += f"<h3>{escaped(lang, words)}</h3>{before_after(before, after, lang)}"
            if name == "faces":
                size = on_files.size(shown.files[-1][0])
                figures += found_faces.changed(before, after, size, kept.figures, lang)
        return {self.between: figures}

    def cleared(self) -> dict:
        """No steps."""
        return {self.between: ""}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """All fillers on the picture made small."""
        return on_files.shrunk(upload, SMALL, folder), ""

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """What removes noise and finds scratches; nothing that is fitted, which takes minutes."""
        if row is not None and row.kind == "fitted":
            return None
        return self.widgets.asked(values, lambda name: name in ("noise", "scratches", "grow"))


def _hints(text: str) -> list[Any] | None:
    """The dabs of colour that the page wrote. Raises UserError where it is no list."""
    if not text:
        return None
    try:
        hints = json.loads(text)
    except ValueError:
        hints = None
    if not isinstance(hints, list):
        raise UserError("These dabs of colour are damaged: paint them again.")
    return hints


def _heads(text: str) -> list[list[int]] | None:
    """[[x, y, side], ...] of what stands in the field, None where it is empty. Raises UserError."""
    if not text.strip():
        return None
    heads = []
    for part in with_commas(text).replace("\n", ";").split(";"):
        numbers = re.findall(r"-?\d{1,6}", part)
        if len(numbers) != 3 or not re.fullmatch(r"[\s,\d-]*", part):
            raise UserError("A head's square is three whole numbers: x, y, side.")
        heads.append([int(number) for number in numbers])
    return heads
