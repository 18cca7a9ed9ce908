"""The box for a checkpoint file of one's own: examined when it comes, and in the model's place
until it is taken out or another is chosen.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.ui.doors import files
from ganapps.ui.parts import cards, common
from ganapps.ui.parts.boxes import FileBox
from ganapps.ui.words import escaped, say, t


class OwnFile:
    """`box` holds the file's path, `name` what recipes call it, `kind` what network it holds (""
    for none).
    """

    def __init__(self, engine: Engine, task: str) -> None:
        self.engine = engine
        self.box = FileBox(
            label=t("Your own checkpoint file"),
            file_count="single",
            height=150,
            elem_id=f"{task}-weights",
        )
        self.about = gr.HTML(_about("en"))
        self.name, self.kind = gr.State(""), gr.State("")

    @property
    def asked(self) -> set:
        """What a run reads."""
        return {self.box, self.name, self.kind}

    def listen(
        self, model: gr.Dropdown, chips: gr.HTML, card: gr.HTML, line: gr.HTML
    ) -> gr.events.Dependency:
        """Examine what comes; a model chosen from the list takes its place. The event of a file
        that came or left.
        """
        model.input(lambda: None, None, self.box, **common.QUIET)
        return self.box.change(
            self.came,
            [self.box, model],
            [self.box, self.name, self.kind, chips, card, line],
            **common.QUIET,
        )

    def path(self, values: Mapping) -> str | None:
        """Where the file lies, for the run."""
        return values[self.box]

    def checkpoint(self, values: Mapping, otherwise: str) -> str:
        """What the recipe calls the model: the file, where there is one, unless a recipe that was
        restored asks for another file.
        """
        return (
            values[self.name]
            if values[self.box] and values[self.name] and not otherwise.startswith("sha256:")
            else otherwise
        )

    def came(self, path: str | None, model: str, request: gr.Request) -> tuple:
        """The file's chips and card, or why it is refused; without a file those of the model."""
        lang = common.language(request)
        if not path:
            return gr.skip(), "", "", *cards.about(self.engine, model, lang), gr.skip()
        try:
            given = self.engine.models.own_file(path)
        except UserError as e:
            files.delete([path])
            return None, "", "", gr.skip(), gr.skip(), common.refusal(e, lang)
        facts = [
            say(lang, "your file"),
            given.network,
            say(lang, "{count} M parameters", count=f"{given.parameters / 1e6:.1f}"),
        ]
        chips = "".join(f'<span class="chip">{html.escape(fact)}</span>' for fact in facts)
        rows = {"File": given.name, "Method": given.network, "Parameters": f"{given.parameters:,}"}
        body = "".join(
            f"<tr><th scope=row>{escaped(lang, k)}</th><td>{html.escape(v)}</td></tr>"
            for k, v in rows.items()
        )
        return (
            gr.skip(),
            given.name,
            given.network,
            f'<div class="chips">{chips}</div>',
            f'<table class="card"><tbody>{body}</tbody></table>',
            gr.skip(),
        )

    def opened(self, lang: str) -> dict:
        """In the visitor's language."""
        return {self.about: _about(lang)}


def _about(lang: str) -> str:
    said = say(
        lang,
        "safetensors, .pth, .pt, .pkl, .onnx: read as data, never run, and gone after about an "
        "hour. A recipe names it by its sha256 and asks for it again.",
    )
    return f'<div class="privacy">{html.escape(said)}</div>'
