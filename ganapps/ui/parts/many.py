"""Many pictures at once: a line for the one that is under way, a row for each that is done; one
that is refused does not stop the rest, and a ZIP with a manifest at the end.

The rows grow at their end alone, for then Gradio sends a page only what is new of them.
"""

from __future__ import annotations

import html
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Engine, Result, on_files
from ganapps.errors import UserError
from ganapps.pictures import formats, images
from ganapps.pictures.formats import Format
from ganapps.recipe import Recipe, source_type
from ganapps.report import Kept, seconds
from ganapps.ui.doors import files
from ganapps.ui.parts import common, other_formats, progress
from ganapps.ui.parts.boxes import FileBox
from ganapps.ui.words import say, t
from ganapps.workers import signals

KINDS = [("PNG", "png"), ("JPEG", "jpeg"), ("WebP", "webp")]
THUMB = 64  # pixels of the longer side of a result in its row


class Many:
    """The box for the pictures, the button, the rows; `archives` are the paths of the ZIPs that
    were made of them.
    """

    def __init__(self, engine: Engine, name: str, words: I18nData) -> None:
        self.engine = engine
        self.box = FileBox(
            file_count="multiple", label=t("Pictures"), height=140, elem_id=f"{name}-files"
        )
        self.kind, self.quality = other_formats.boxes(f"{name}-files", KINDS)
        self.go = gr.Button(words, size="sm", elem_id=f"{name}-files-go")
        self.line = gr.HTML(elem_id=f"{name}-files-line")
        self.rows = gr.HTML(elem_id=f"{name}-rows")
        self.archives = gr.State([])

    @property
    def asked(self) -> set:
        """What `results` reads."""
        return {self.box, self.archives, self.kind, self.quality}

    def paths(self, values: Mapping) -> list[str]:
        """What of it lies on this machine's disk."""
        return [*(values[self.box] or []), *values[self.archives]]

    def cleared(self) -> dict:
        """No pictures."""
        return {self.box: None, self.line: "", self.rows: "", self.archives: []}

    @property
    def shown(self) -> list:
        """What `results` fills."""
        return [self.line, self.rows]

    def results(
        self,
        recipe: Recipe,
        weights: str | None,
        masks: Sequence[str],
        values: Mapping,
        lang: str,
    ) -> Iterator[dict]:
        """The same recipe on all of them: a table with a row each, at the end with a link to the
        ZIP. `masks` are the paths of masks for those that have none of their own.
        """
        pictures: list[str] = values[self.box] or []
        if not pictures:
            yield {
                self.rows: common.refusal(
                    UserError("There is no picture yet: drop one into the box."), lang
                )
            }
            return
        form = formats.asked(values[self.kind], values[self.quality], 0)
        # a mask that belongs to one of them goes with it
        brings = [
            given if len(given) > 1 else [*given, *masks]
            for given in on_files.brings(recipe.task, pictures)
        ]
        table = '<table class="card"><tbody>'
        done: list[Path] = []
        manifest: list[dict[str, Any]] = []
        began = time.monotonic()
        clock = _Clock(len(brings))
        if clock.due():  # at once
            waiting = f"0 / {len(brings)} · {say(lang, 'waiting')}"
            yield {self.line: progress.plain("", waiting), self.rows: table}
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            for index, given in enumerate(brings):
                brought = Path(given[0])
                try:
                    for heard in signals.heard(self.engine.run(recipe, given, weights)):
                        if isinstance(heard, signals.Tick):
                            continue
                        result = heard
                        if clock.due():
                            passed = time.monotonic() - began
                            left = _left(result, index, len(brings), passed, lang)
                            line = f"{index + 1} / {len(brings)} · {brought.name[:40]} · {left}"
                            yield {self.line: progress.plain("", line), self.rows: table}
                    done.append(_kept(result, Path(folder), index, brought.stem, form))
                    manifest.append(
                        {
                            "picture": brought.name,
                            "file": done[-1].name,
                            "recipe": common.plain_recipe(result.made[-1].recipe),
                            "report": result.report.as_dict(),
                        }
                    )
                    spent = seconds(result.report.seconds)
                    said = say(lang, "done in {seconds}", seconds=spent)
                    table += _row(brought.name, said, _looked_at(result.made[-1]))
                except UserError as e:
                    refused = {"picture": brought.name, "file": None, "refused": str(e)}
                    manifest.append(refused)
                    table += _row(brought.name, say(lang, e.message))
                if clock.due():
                    yield {self.rows: table}
            table += "</tbody></table>"
            try:
                archive = images.save_zip(
                    done,
                    Path(folder) / "pictures.zip",
                    {"manifest.json": images.as_json({"pictures": manifest})},
                )
                values[self.archives].append(files.keep(archive))
            except UserError as e:  # the disk is full, or the visitor's room
                yield {self.line: "", self.rows: table + common.refusal(e, lang)}
                return
        link = common.download(values[self.archives][-1], "Download all", lang)
        yield {self.line: "", self.rows: table + link}


class _Clock:
    """When the table is worth sending again: the longer it is, the more it weighs."""

    def __init__(self, rows: int) -> None:
        self.pause = min(1.0, max(common.PAUSE, rows / 200))  # seconds
        self.sent = -self.pause

    def due(self) -> bool:
        now = time.monotonic()
        if now - self.sent < self.pause:
            return False
        self.sent = now
        return True


def _left(result: Result, index: int, count: int, passed: float, lang: str) -> str:
    share = index + min(1.0, result.done / max(result.total, 1))
    left = passed * (count / max(share, 0.05) - 1)
    return f"{result.done:.0f} / {result.total:.0f} · " + say(
        lang, "about {seconds} left", seconds=seconds(left)
    )


def _kept(result: Result, folder: Path, index: int, of: str, form: Format) -> Path:
    path = images.keep(result.made[-1], folder, index, of, form=form)
    return path.rename(path.with_name(f"{index + 1:03d}-{path.name}"))


def _looked_at(kept: Kept) -> str:
    """A result as a small picture in its row."""
    address = images.address(images.picture_of(kept), source_type(kept.recipe), THUMB)
    return f'<img class="thumb" src="{html.escape(address)}" alt="">'


def _row(name: str, said: str, picture: str = "") -> str:
    told = f"<th scope=row>{html.escape(name[:40])}</th><td>{html.escape(said)}</td>"
    return f"<tr><td>{picture}</td>{told}</tr>"
