"""Breed: parents, a litter of them, and the family of the whole session as one tree."""

from __future__ import annotations

import html
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.pictures.inside import from_picture
from ganapps.recipe import Recipe
from ganapps.report import Kept
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import files
from ganapps.ui.faces import back, tree
from ganapps.ui.faces.edit import Edit
from ganapps.ui.faces.section import NEUTRAL, Section, Seen
from ganapps.ui.faces.traces import Traces
from ganapps.ui.parts import common, keeping, progress
from ganapps.ui.parts.settings import made
from ganapps.ui.words import escaped, say, t

LITTER = 8
MOST_SEEDS = 2**32
# `faces` are the pictures of the family's members, `settings` what the task `edit` begins with
FRESH: dict[str, Any] = {
    "model": "",
    "family": {},
    "faces": {},
    "settings": {},
    "litter": [],
    "born": 0,
}


class Breed(Section):
    """A child that is clicked joins the family and is a parent next; so is whom one clicks in the
    tree.
    """

    name = "breed"

    def __init__(self, edit: Edit) -> None:
        super().__init__(edit.tab, edit.face, edit.traces)
        self.edit = edit

    def make(self) -> None:
        """Lay it out."""
        declared = self.declared
        with gr.Row(elem_classes="bench"):
            self.add = gr.Button(t("Add the chosen face"), size="sm", elem_id="faces-breed-add")
            self.anew = gr.Button(t("A new family"), size="sm", elem_id="faces-breed-anew")
        self.parents = gr.Dropdown(
            [], multiselect=True, label=t("Parents (two or more)"), elem_id="faces-breed-parents"
        )
        with gr.Row(elem_classes="bench"):
            self.mutation = made(declared["mutation"], "faces-breed")
            self.crossing = made(declared["crossing"], "faces-breed")
        self.go = gr.Button(t("Make children"), variant="secondary", elem_id="faces-breed-go")
        self.make_line()
        words = t("Children: click one to go on with it")
        self.litter = self.made_strip(words, LITTER, "litter")
        with gr.Row(elem_classes="bench"):
            self.file = gr.HTML("", elem_id="faces-breed-file")
            self.make_copy()
            self.take = gr.Button(t("Edit this face"), size="sm", elem_id="faces-breed-take")
        self.tree = gr.HTML("", elem_id="faces-breed-tree")
        self.clicked = gr.Textbox("", visible="hidden", elem_id="faces-breed-clicked")
        with gr.Row(elem_classes="bench"):
            self.save = gr.Button(t("Save the family"), size="sm", elem_id="faces-breed-save")
            self.film_go = gr.Button(
                t("Film between two parents"), size="sm", elem_id="faces-breed-film-go"
            )
        self.saved = gr.HTML("", elem_id="faces-breed-saved")
        self.film = gr.HTML("", elem_id="faces-breed-film")
        self.child = gr.State({})  # the settings of whoever was clicked
        self.state = gr.State(FRESH)

    @property
    def declared(self) -> Mapping[str, Any]:
        """What is declared of the task's settings."""
        return TASKS["breed"].settings

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        about = {*self.given, self.state, self.parents}
        filled = [self.state, self.parents, self.tree, *self.buttons]
        self.add.click(self.added, {*about, *self.edit.reads}, filled, **common.BUSY)
        self.anew.click(
            lambda: self._fresh() | {self.state: FRESH}, None, self.family_outputs, **common.QUIET
        )
        picked = [*filled, self.file, self.link, self.child]
        self.litter.select(self.picked, {self.state, self.parents}, picked, **common.EACH)
        chosen = self.clicked.change(
            self.chosen,
            {self.state, self.parents, self.clicked},
            picked,
            **common.QUIET,
        )
        chosen.then(None, None, None, js=tree.CAME)
        self.parents.input(self.framed, {self.state, self.parents}, self.tree, **common.QUIET)
        born = {*about, self.mutation, self.crossing}
        self.save.click(
            self.keeps, {self.state, self.traces}, [self.saved, self.line], **common.QUIET
        )
        filmed = [self.film, *self.buttons]
        return [
            self.go.click(
                self.tab.stoppable(self.bred),
                born,
                [self.litter, self.state, *self.buttons],
                **common.BUSY,
            ),
            self.film_go.click(self.tab.stoppable(self.filmed), about, filmed, **common.BUSY),
        ]

    # -- what happens

    def added(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The chosen face joins the family, with the edits that it has in Edit."""
        lang = common.language(request)
        member = self.edit.now(values)
        state = self._of_model(values)
        recipe = self.recipe("edit", values, member)
        for seen in self.run(recipe, values, lang):
            if seen.shown.failed:
                yield {self.line: seen.shown.line}
            elif seen.shown.archive:
                name = str(member.get("seed", ""))[:12] or str(len(state["family"]) + 1)
                while name in state["family"] and state["family"][name] != member:
                    name += "'"
                grown = self._grown(state, name, member, seen.shown.files[0][0], member)
                parents = [n for n in values[self.parents] or () if n in grown["family"]]
                yield self._shown(grown, [*parents, name], lang) | {self.line: seen.shown.line}

    def bred(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """A litter, child by child."""
        lang, state = common.language(request), values[self.state]
        try:
            self._check_model(values)
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        settings = {
            "family": state["family"],
            "parents": list(values[self.parents] or ()),
            "seed": state["born"],
            "count": LITTER,
            "mutation": values[self.mutation],
            "crossing": values[self.crossing],
        }
        yield self.tab.busy(True)
        for seen in self.run(self.recipe("breed", values, settings), values, lang):
            update: dict = {self.line: seen.shown.line}
            children = list(zip(seen.shown.kept, seen.shown.files))
            if children:
                update[self.litter] = [(path, "") for _, (path, _) in children]
            if seen.shown.archive:
                litter = [(dict(kept.figures), path) for kept, (path, _) in children]
                born = (state["born"] + LITTER) % MOST_SEEDS
                update[self.state] = {**state, "litter": litter, "born": born}
                apart = children[-1][0].figures["diversity"]
                told = escaped(
                    lang, "The litter's pictures lie {apart} of 255 levels apart.", apart=apart
                )
                update[self.line] = seen.shown.line + f'<div class="line">{told}</div>'
            yield update

    def picked(self, values: Mapping, request: gr.Request, event: gr.SelectData) -> dict:
        """A child joins the family; it is a parent, beside the last one."""
        state, lang = values[self.state], common.language(request)
        if event.index >= len(state["litter"]):
            return {self.state: gr.skip()}
        figures, path = state["litter"][event.index]
        birth = figures["birth"]
        known = [name for name, member in state["family"].items() if member == birth]
        name = known[0] if known else _free(state, f"{len(state['family']) + 1}.")
        settings = {"styles": figures["styles"]}
        grown = self._grown(state, name, birth, path, settings)
        parents = [other for other in values[self.parents] or () if other != name]
        return self._shown(grown, [*parents[-1:], name], lang) | {
            **self._file(path, "Download this child, with its lineage", lang),
            self.child: settings,
        }

    def chosen(self, values: Mapping, request: gr.Request) -> dict:
        """Whom one clicked in the tree is a parent, or no longer one; and the one to go on with."""
        state, lang = values[self.state], common.language(request)
        _, _, name = values[self.clicked].partition(" ")  # behind the time of the press
        if name not in state["family"]:
            return {self.state: gr.skip()}
        parents = list(values[self.parents] or ())
        left = [other for other in parents if other != name]
        now = left if name in parents else [*parents, name]
        return self._shown(state, now, lang) | {
            **self._file(state["faces"][name], "Download this face", lang),
            self.child: state["settings"][name],
        }

    def framed(self, values: Mapping, request: gr.Request) -> str:
        """The tree, where the parents were chosen in their list."""
        return self._tree(values[self.state], values[self.parents] or (), common.language(request))

    def keeps(self, values: Mapping, request: gr.Request) -> dict:
        """Links that save the tree, and everybody in it."""
        lang, state = common.language(request), values[self.state]
        traces: Traces = values[self.traces]
        keep = traces.keep if traces.reach(state) else files.keep
        try:
            if not state["family"]:
                raise UserError("There is no family yet: add a face to it.")
            links = tree.kept(state["family"], state["faces"], keep, lang)
        except UserError as e:
            return {self.saved: "", self.line: common.refusal(e, lang)}
        return {self.saved: links, self.line: NEUTRAL}

    def filmed(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """A film between the two who are chosen as parents."""
        lang, chosen = common.language(request), list(values[self.parents] or ())
        try:
            self._check_model(values)
            if len(chosen) != 2:
                raise UserError("A film goes from one to another: choose two as parents.")
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        begin, end = chosen
        settings = {"family": values[self.state]["family"], "begin": begin, "end": end}
        yield self.tab.busy(True)
        for seen in self.run(self.recipe("morph", values, settings), values, lang):
            update: dict = {self.line: seen.shown.line}
            if seen.shown.archive:
                update[self.film] = _film(seen, begin, end, lang)
            yield update

    # -- the family

    def _of_model(self, values: Mapping) -> dict[str, Any]:
        """The family, or a new one where the model is another: a face is one of its model's."""
        state, model = values[self.state], self.tab.recipe(values).checkpoint
        return state if state["model"] == model else {**FRESH, "model": model}

    def _check_model(self, values: Mapping) -> None:
        """Raises UserError where the model is no longer the one whose faces the family's are."""
        state, asked = values[self.state], self.tab.recipe(values).checkpoint
        if state["family"] and state["model"] != asked:
            row = self.tab.engine.models.row(state["model"])
            raise UserError(
                "This family's faces are of {model}: choose it again, or begin a new family.",
                model=row.title if row else state["model"],
            )

    def _grown(
        self, state: Mapping, name: str, member: Mapping, path: str, settings: Mapping
    ) -> dict[str, Any]:
        return {
            **state,
            "family": {**state["family"], name: dict(member)},
            "faces": {**state["faces"], name: path},
            "settings": {**state["settings"], name: dict(settings)},
        }

    def without(self, traces: Traces, values: Mapping, lang: str) -> dict[Any, Any]:
        """What is left when all of an upload goes: those who do not come from it."""
        state = values[self.state]
        stay = {n for n, path in state["faces"].items() if path not in traces.paths}
        litter = [child for child in state["litter"] if child[1] not in traces.paths]
        if len(stay) == len(state["family"]) and len(litter) == len(state["litter"]):
            return {}
        left = {**state, "litter": litter}
        for part in ("family", "faces", "settings"):
            left[part] = {name: told for name, told in state[part].items() if name in stay}
        parents = [name for name in values[self.parents] or () if name in stay]
        children = [(path, "") for _, path in litter]
        return self._fresh() | self._shown(left, parents, lang) | {self.litter: children}

    @property
    def family_outputs(self) -> list:
        """What another family fills."""
        shown = [self.litter, self.file, self.link, self.child, self.saved, self.film]
        return [self.state, self.parents, self.tree, *shown, self.line]

    @property
    def restored_outputs(self) -> list:
        """What `restored` fills."""
        return [*self.family_outputs, self.mutation, self.crossing]

    def restored(
        self, recipe: Recipe, values: Mapping, request: gr.Request
    ) -> Generator[dict, None, dict[str, Any]]:
        """The family of a recipe, and the child of a litter; returns what makes the child."""
        lang, asked = common.language(request), recipe.settings
        yield self._fresh()
        state = yield from self._relatives(recipe, values, lang)
        if state is None:
            return {}
        parents = asked.get("parents") or [asked["begin"], asked["end"]]
        left = NEUTRAL + back.told(back.without_place(recipe), lang)
        yield self._shown(state, parents, lang) | {self.line: left}
        if recipe.task != "breed":
            return {}
        drawn = yield from self._drawn(self.recipe("breed", values, asked), values, lang)
        if drawn is None:
            return {}
        kept, path = drawn
        settings, birth = {"styles": kept.figures["styles"]}, kept.figures["birth"]
        name = _free(state, f"{len(state['family']) + 1}.")
        state = self._grown(state, name, birth, path, settings)
        state["litter"] = [(dict(kept.figures), path)]
        state["born"] = (birth["seed"] + 1) % MOST_SEEDS
        yield self._shown(state, parents, lang) | {
            self.litter: [(path, "")],
            **self._file(path, "Download this child, with its lineage", lang),
            self.child: settings,
            self.mutation: asked["mutation"],
            self.crossing: asked["crossing"],
        }
        return settings

    def _relatives(
        self, recipe: Recipe, values: Mapping, lang: str
    ) -> Generator[dict, None, dict[str, Any] | None]:
        """The State with the family of a recipe, drawn one by one; None where that failed."""
        family = recipe.settings["family"]
        names = back.elders_first(family)
        state = {**FRESH, "model": recipe.checkpoint}
        for done, name in enumerate(names):
            told = say(lang, "{done} of {total}", done=done, total=len(names))
            yield {self.line: progress.line(told, (done, len(names)), "")}
            drawn = yield from self._drawn(self._of(recipe, name, values), values, lang)
            if drawn is None:
                return None
            kept, path = drawn
            as_text = {"styles": kept.figures["styles"]}
            settings = as_text if "of" in family[name] else family[name]
            state = self._grown(state, name, family[name], path, settings)
        return state

    def _of(self, recipe: Recipe, name: str, values: Mapping) -> Recipe:
        """What draws somebody of the family in a recipe."""
        family = recipe.settings["family"]
        member = family[name]
        if "of" not in member:
            return self.recipe("edit", values, member)
        birth = {key: value for key, value in member.items() if key != "of"}
        about = {"family": family, "parents": member["of"], "count": 1}
        return self.recipe("breed", values, {**about, **birth, "psi": recipe.settings["psi"]})

    def _drawn(
        self, recipe: Recipe, values: Mapping, lang: str
    ) -> Generator[dict, None, tuple[Kept, str] | None]:
        """One face, and the path of its file; None where it could not be drawn, which is said."""
        for seen in self.run(recipe, values, lang):
            if seen.shown.failed:
                yield {self.line: seen.shown.line}
            elif seen.shown.archive:
                return seen.shown.kept[0], seen.shown.files[0][0]
        return None

    def _fresh(self) -> dict[Any, Any]:
        """Nobody is there but in the State."""
        return {
            self.parents: gr.update(choices=[], value=[]),
            self.tree: "",
            self.litter: None,
            self.file: "",
            self.link: "",
            self.child: {},
            self.saved: "",
            self.film: "",
            self.line: NEUTRAL,
        }

    def _file(self, path: str, words: str, lang: str) -> dict[Any, Any]:
        """What saves a picture, and its link."""
        recipe = from_picture(path)
        saved = common.download(path, words, lang) + back.left_out(recipe, lang)
        return {self.file: saved, self.link: recipe.to_link()}

    def _shown(self, state: Mapping, parents: list[str], lang: str) -> dict:
        chosen = list(dict.fromkeys(parents))
        return {
            self.state: state,
            self.parents: gr.update(choices=list(state["family"]), value=chosen),
            self.tree: self._tree(state, chosen, lang),
        }

    def _tree(self, state: Mapping, parents: Collection[str], lang: str) -> str:
        return tree.drawn(state["family"], state["faces"], parents, lang)


def _free(state: Mapping, name: str) -> str:
    """The name, longer where somebody of the family has it."""
    while name in state["family"]:
        name += "'"
    return name


def _film(seen: Seen, begin: str, end: str, lang: str) -> str:
    """A film, and the links that save it."""
    path = seen.shown.files[0][0]
    links = common.film_downloads(path, lang, lambda made: keeping.stored(made, seen.traces))
    said = escaped(lang, "From {begin} to {end} and back", begin=begin, end=end)
    return (
        f'<figure class="walk"><img src="{html.escape(common.served(path))}" alt="{said}">'
        f"<figcaption>{said}</figcaption></figure>{links}"
    )
