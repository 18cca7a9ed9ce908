"""The face that was clicked: large, with what one can do with just it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.ui.parts import common
from ganapps.ui.words import escaped, say, t

# the layers of a StyleGAN that say how a head is built, its features, its colours and skin (Karras
# 2018, section 3.1)
GRAINS = {"coarse": (0, 3), "middle": (4, 7), "fine": (8, 31)}
CLOSE = 0.35  # how far "more like this" goes: of how far strangers lie apart
LITTER = 12
FEWEST, MOST = 2, 12  # faces of a film


class OneFace:
    """The widgets; `at` says which picture of the wall it is, `reel` the seeds of the film so far
    with their files.
    """

    def __init__(self) -> None:
        self.at, self.reel = gr.State(None), gr.State([])
        with gr.Row(elem_classes="the-one"):
            self.view = gr.HTML(elem_id="faces-one")
            with gr.Column():
                with gr.Row(elem_classes="actions"):
                    self.alike = gr.Button(t("More like this"), size="sm", elem_id="faces-alike")
                    self.keep = gr.Button(t("Keep"), size="sm", elem_id="faces-keep")
                    self.copy = gr.Button(t("Copy its link"), size="sm", elem_id="faces-one-copy")
                    self.add = gr.Button(t("Add to the film"), size="sm", elem_id="faces-add")
                with gr.Row(elem_classes="pair"):
                    self.other = gr.Textbox(
                        "",
                        label=t("Mix it with the face of a second seed"),
                        max_lines=1,
                        max_length=200,
                        elem_id="faces-other",
                    )
                    self.grain = gr.Radio(
                        [(name, name) for name in GRAINS],
                        value="coarse",
                        label=t("What the second one gives"),
                        elem_id="faces-grain",
                    )
                self.strip = gr.HTML(elem_id="faces-reel")
        self.link = gr.Textbox(visible="hidden", elem_id="faces-one-link")
        self.copy.click(None, self.link, None, js=common.copies("faces-one-copy"))

    @property
    def outputs(self) -> list:
        """What `shown` fills."""
        return [self.view, self.at, self.link]

    def shown(self, path: str, recipe: Recipe, at: int, lang: str) -> dict:
        """The picture at a path, the one at that place of the wall, large."""
        name = caption(recipe, lang)
        link = recipe.to_link()
        view = (
            f'<figure class="chosen" data-link="{html.escape(link)}">'
            f'<img src="{html.escape(common.served(path))}" alt="{html.escape(name)}">'
            f"<figcaption>{html.escape(name)} "
            f'<a href="{html.escape(common.served(path))}" download>PNG</a></figcaption></figure>'
        )
        return {self.view: view, self.at: at, self.link: link}

    def opened(self, lang: str) -> dict:
        """What the second face may give, in the visitor's language."""
        choices = [(say(lang, name), name) for name in GRAINS]
        return {self.grain: gr.update(choices=choices)}

    def gone(self) -> dict:
        """Nobody is chosen."""
        return {self.view: "", self.at: None, self.link: ""}

    def reeled(self, reel: Sequence[tuple[Any, str]], lang: str) -> str:
        """The faces that the film goes through, small, in their order."""
        if not reel:
            return ""
        frames = "".join(
            f'<img src="{html.escape(common.served(path))}" alt="{escaped(lang, "seed")} '
            f'{html.escape(str(seed))}">'
            for seed, path in reel
        )
        said = say(lang, "The film goes through {count:face|faces}:", count=len(reel))
        return f'<p class="lead">{html.escape(said)}</p><div class="film-strip">{frames}</div>'


def caption(recipe: Recipe, lang: str) -> str:
    """What a face is called."""
    if recipe.task == "faces":
        return f"{say(lang, 'seed')} {recipe.settings['seed']}"
    return say(lang, "a child")


def alike(recipe: Recipe, seed: int) -> Recipe:
    """The recipe of faces that are much like the one of that recipe: children of it and its twin.
    Raises UserError for a picture that was made otherwise.
    """
    family, birth = _entry(recipe)
    names = _free(family, "it"), _free(family, "twin")
    settings = {
        "family": {**family, names[0]: birth, names[1]: birth},
        "parents": list(names),
        "mutation": CLOSE,
        "crossing": "mixed",
        "seed": seed,
        "count": LITTER,
    }
    return Recipe("breed", recipe.checkpoint, settings, recipe.precision)


def mixed(recipe: Recipe, other: str, grain: str) -> Recipe:
    """The recipe of that one face with some layers of the face of another seed. Raises UserError
    for a picture that no seed made.
    """
    if recipe.task != "faces":
        raise UserError("Only a face of a seed can be mixed: click one.")
    first, last = GRAINS[grain]
    seed = common.seed(other) if other.strip() else None
    return recipe.with_settings(mix=seed, mix_from=first, mix_to=last)


def reel_of(made: Sequence[Recipe], files: Sequence[str]) -> list[tuple[Any, str]]:
    """Seeds and files of faces, those of them that a seed made."""
    kept = []
    for recipe, path in zip(made, files):
        if recipe.task == "faces" and Path(path).exists():
            kept.append((recipe.settings["seed"], path))
    return kept


def _entry(recipe: Recipe) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The family that a face needs to be made again, and what stands there of it."""
    settings = recipe.settings
    if recipe.task == "faces":
        born = {name: settings[name] for name in ("seed", "psi", "labels") if settings.get(name)}
        return {}, {"seed": 0, **born}
    if recipe.task == "breed":
        born = {name: settings[name] for name in ("seed", "mutation", "crossing")}
        return settings["family"], {"of": settings["parents"], **born}
    raise UserError("Only a face of a seed, or a child of one, has others like it: click one.")


def _free(family: Mapping[str, Any], name: str) -> str:
    """A name that nobody in a family has."""
    while name in family:
        name += "'"
    return name
