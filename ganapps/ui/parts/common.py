"""What every tab shows the same way: price, report line, progress, refusals; and a run as files to
show.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
import tempfile
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import gradio as gr

from ganapps.engine import Engine, Result
from ganapps.errors import UserError, WeightsError
from ganapps.models.catalog import Checkpoint, unknown
from ganapps.pictures import images
from ganapps.recipe import Recipe
from ganapps.report import Kept, Part, Report, seconds, size
from ganapps.ui.doors import files
from ganapps.ui.words import escaped, named, say
from ganapps.workers import signals
from ganapps.workers.signals import RunEnded, Tick

log = logging.getLogger("ganapps")
# whatever computes; those under way share the device, the rest waits in a queue
DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 8}
QUIET: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
# what takes time in the window
BUSY: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    **DEVICE,
}
Box = TypeVar("Box", bound=gr.components.Component)
PAUSE = 0.2  # seconds between two looks at what goes on in small steps: a browser has to draw them


def row(engine: Engine, name: str) -> Checkpoint:
    """The catalogue's row of that id. Raises UserError where there is none."""
    found = engine.row(name)
    if found is None:
        raise unknown(name)
    return found


def language(request: gr.Request | None) -> str:
    """The visitor's language, of those the window has: "zh" or "en"."""
    wanted = (request.headers.get("accept-language") or "") if request else ""
    return "zh" if wanted.lower().startswith("zh") else "en"


def privacy(lang: str) -> str:
    """What happens to an upload, beside every upload box."""
    promise = escaped(
        lang,
        "Your picture is worked on here, is not logged or passed on, and is deleted after about "
        "an hour.",
    )
    return f'<div class="privacy">{promise}</div>'


def stops(button: gr.Button, events: list, then: Callable, inputs: object, outputs: list) -> None:
    """`button` ends `events`; `then` fills `outputs` only after that, or a last message still under
    way would be shown over it.
    """
    button.click(None, None, None, cancels=events, queue=False, api_visibility="private").then(
        then, inputs, outputs, **QUIET
    )


def served(path: str | Path) -> str:
    """The address of a file in Gradio's cache: relative to the page, or, where a proxy serves the
    app under a path, from there, since the page's own address may lack the slash at its end.
    """
    return files.root() + files.ADDRESS + quote(str(path))


def download(path: str | Path | None, words: str, lang: str) -> str:
    """A link that saves a file of Gradio's cache; None: greyed, nothing is there yet.

    Not a DownloadButton: when other updates come at the same moment, Gradio can lose the one that
    enables it.
    """
    name = escaped(lang, words)
    if path is None:
        return f'<span class="download off">{name}</span>'
    return f'<a class="download" href="{html.escape(served(path))}" download>{name}</a>'


def by_path(box: Box) -> Box:
    """The box, whose value is the path of the file as it came, or a list of paths;
    `incoming.Window` has looked at them.

    Gradio's own boxes open a picture before our code sees it, or leave an empty file behind. The
    class itself differs, since Gradio makes a new box of it for whoever an event leaves it alone.
    """
    box.__class__ = _by_path(type(box))
    return box


@cache
def _by_path(kind: type) -> type:
    """That class of boxes, handing over paths. It is made past Gradio's metaclass, which would
    write a stub beside this file.
    """

    def preprocess(self: Any, payload: Any) -> str | list[str] | None:
        if payload is None:
            return None
        return [file.path for file in payload.root] if hasattr(payload, "root") else payload.path

    body = {"preprocess": preprocess, "__module__": kind.__module__}
    return ABCMeta.__new__(type(kind), kind.__name__, (kind,), body)


def copies(button: str) -> str:
    """The script of a button with that id: a recipe's link, with this page's address before it, is
    copied. A Space stands in a frame of a page that has the address which people know.
    """
    space = os.environ.get("SPACE_ID")
    page = json.dumps(f"https://huggingface.co/spaces/{space}") if space else PAGE
    return COPY.replace("BUTTON", button).replace("PAGE", page)


PAGE = "location.origin + location.pathname"


COPY = """async (link) => {
  const address = PAGE + link;
  try { await navigator.clipboard.writeText(address); }
  catch {
    const box = document.createElement("textarea");
    box.value = address;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  const button = document.querySelector("#BUTTON"), text = button.textContent;
  button.textContent = "✓"; setTimeout(() => { button.textContent = text; }, 1200);
}"""


def report_line(
    report: Report, lang: str, progress: tuple[float, float] | None = None, note: str = ""
) -> str:
    """The report under a result; while it runs, with a bar."""
    parts = [
        re.sub(r"^(sha256:.{12}).*", r"\1", report.checkpoint),
        report.computed,
        say(
            lang,
            "{count:picture|pictures} in {seconds}",
            count=report.pictures,
            seconds=seconds(report.seconds),
        ),
        say(lang, "{count:network call|network calls}", count=report.network_calls),
    ]
    if report.peak_memory is not None:
        parts.append(
            say(lang, "{size} peak", size=size(report.peak_memory))
            if report.peak_memory >= 1e6
            else say(lang, "under 1 MB more memory")
        )
    if not report.changes and not progress:
        parts.append(say(lang, "nothing changed"))
    if progress and progress[0] and report.seconds * (progress[1] / progress[0] - 1) >= 1:
        parts.append(
            say(
                lang,
                "about {seconds} left",
                seconds=seconds(report.seconds * (progress[1] / progress[0] - 1)),
            )
        )
    if note:
        parts.append(note)
    sentences = dict.fromkeys(say(lang, message) for message in report.changes)
    changes = "".join(f"<li>{html.escape(s)}</li>" for s in sentences)
    return _line(" · ".join(parts), progress, f"<ul>{changes}</ul>" if changes else "")


def waiting_line(result: Result, lang: str) -> str:
    """What a run waits for: a download, with its bar."""
    sentence = say(lang, result.waiting) if result.waiting else ""
    return _line(sentence, (result.done, result.total), "")


def under_way(last: Result | None, tick: Tick, lang: str) -> str:
    """The line of a run while a step computes or waits for its turn; `last`: what came before."""
    note = ""
    if tick.before:
        note = say(lang, "{count:run|runs} before you", count=tick.before)
    if last is None:
        return _line(note or say(lang, "getting ready"), (tick.share, 1.0), "")
    if last.waiting:
        return waiting_line(last, lang)
    return report_line(last.report, lang, (last.done + tick.share, last.total), note)


def refusal(error: UserError, lang: str) -> str:
    """A sentence for the person, where the result would be."""
    return f'<div class="refusal" role="alert">{escaped(lang, error.message)}</div>'


def bug() -> UserError:
    """What a person reads of an error that is ours; the log has the rest."""
    return UserError("Something went wrong here. It was logged; please try again.")


def warning(text: str) -> str:
    """Something to know before one goes on."""
    return f'<div class="refusal warning" role="note">{html.escape(text)}</div>'


def plain(line: str, note: str) -> str:
    """A line (HTML of this file, or "") without its bar, and a note behind it."""
    text = re.sub(r"<[^>]*>", "", line).strip()
    return _line(" · ".join(x for x in (html.unescape(text), note) if x), None, "")


def _line(text: str, progress: tuple[float, float] | None, below: str) -> str:
    bar = ""
    if progress and progress[1]:
        bar = (
            f'<span class="bar"><b style="width:{100 * progress[0] / progress[1]:.0f}%"></b></span>'
        )
    return f'<div class="line" role="status">{html.escape(text)}{bar}{below}</div>'


@dataclass
class Shown:
    """A run as the window shows it: files with captions, the line under them, one recipe a file,
    the whole run's recipe.
    """

    line: str
    recipe: Recipe
    files: list[tuple[str, str]] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)
    report: Report | None = None
    archive: str | None = None
    failed: bool = False
    missing: bool = False  # the model could not be had: offer one that can
    kept: list[Kept] = field(default_factory=list)
    ended: bool = False  # its time was over
    parts: tuple[Part, ...] = ()  # of a picture under way, from the top
    moved: bool = False  # only the line is new


def show(
    results: Iterable[Result], recipe: Recipe, lang: str, keep: Callable[[Path], str] = files.keep
) -> Iterator[Shown]:
    """The run's results as files that are kept for this visitor; with `str` for `keep`, they are
    gone when the iterator ends.

    A refusal is a last Shown with its sentence; a bug is logged and shown as a neutral one.
    """
    with tempfile.TemporaryDirectory(prefix="ganapps-") as name:
        shown = Shown("", recipe)
        try:
            files.check_room()
            last = None
            for result in signals.heard(results):
                shown.moved = isinstance(result, signals.Tick)
                if isinstance(result, signals.Tick):
                    shown.line = under_way(last, result, lang)
                else:
                    last = result
                    _add(shown, result, Path(name), lang, keep)
                yield shown
            shown.moved = False
            if shown.files and shown.report:
                shown.line = report_line(shown.report, lang)
                shown.archive = keep(_archive(shown, shown.report, Path(name)))
                yield shown
        except UserError as e:
            shown.line, shown.failed, shown.missing = (
                refusal(e, lang),
                True,
                isinstance(e, WeightsError),
            )
            shown.ended = isinstance(e, RunEnded)
            yield shown
        except Exception:
            log.exception("a run failed: %s", recipe.to_json())
            shown.line, shown.failed = refusal(bug(), lang), True
            yield shown


def _add(
    shown: Shown, result: Result, folder: Path, lang: str, keep: Callable[[Path], str]
) -> None:
    shown.recipe, shown.report = result.recipe, result.report
    paths = images.keep_all(result.made, folder, len(shown.files))
    shown.files += [
        (keep(path), kept.caption.replace("seed", say(lang, "seed")))
        for path, kept in zip(paths, result.made)
    ]
    shown.recipes += [kept.recipe.to_json() for kept in result.made]
    shown.kept += result.made
    shown.parts = result.parts
    shown.line = (
        waiting_line(result, lang)
        if result.waiting
        else report_line(result.report, lang, (result.done, result.total))
    )


def plain_recipe(recipe: Recipe) -> dict:
    """The recipe as plain values, for answers to programs."""
    return json.loads(recipe.to_json())


def _archive(shown: Shown, report: Report, folder: Path) -> Path:
    texts = {
        "recipe.json": shown.recipe.to_json(),
        "report.json": images.as_json(report.as_dict()),
    }
    return images.save_zip(
        [Path(p) for p, _ in shown.files],
        folder / f"{shown.recipe.checkpoint.split('/')[-1]}.zip",
        texts,
    )


def seed(text: Any) -> Any:
    """What stands in a seed box: a number where it is one, else the words; an empty box is 0. What
    is no text and no number is left to whoever checks the setting.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return text
    text = str(text).strip() or "0"
    return int(text) if text.isascii() and text.isdigit() and len(text) < 40 else text


def here_first(engine: Engine, task: str) -> Checkpoint:
    """The first model of a task that is on this disk; if none is, the first of the catalogue."""
    rows = engine.rows(task)
    return next((c for c in rows if engine.here(c)), rows[0])


def choices(engine: Engine, task: str, lang: str) -> list[tuple[str, str]]:
    """The model list: title, and whether it is here yet. Generators of something else than faces
    say it first, and stand together.
    """
    rows = engine.rows(task)
    drawn = {row.id: row.domains[0] if task == "faces" and row.domains else "" for row in rows}
    groups = list(dict.fromkeys(["", *drawn.values()]))
    listed = []
    for row in sorted(rows, key=lambda row: groups.index(drawn[row.id])):
        title = named(lang, row.title)
        if drawn[row.id]:
            title = f"{say(lang, drawn[row.id])}: {title}"
        if not engine.here(row):
            title = f"{title} ({say(lang, 'not here yet')})"
        listed.append((title, row.id))
    return listed
