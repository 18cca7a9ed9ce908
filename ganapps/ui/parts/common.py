"""What every tab shows the same way: price, report line, progress, refusals; and a run as files to
show.
"""

from __future__ import annotations

import html
import itertools
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from ganapps.engine import Engine, Result
from ganapps.errors import UserError, WeightsError
from ganapps.models.catalog import Checkpoint, unknown
from ganapps.pictures import images, mp4
from ganapps.recipe import Recipe
from ganapps.report import Kept, Part, Report, SoFar
from ganapps.ui.doors import files
from ganapps.ui.parts import progress
from ganapps.ui.parts.progress import Pace
from ganapps.ui.words import escaped, named, say
from ganapps.workers import signals, zerogpu
from ganapps.workers.signals import RunEnded

log = logging.getLogger("ganapps")
_NUMBERS = itertools.count(1)  # of refusals
# whatever computes; those under way share the device, which says to the others how long they wait
DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 24}
QUIET: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
# Of what comes quicker than answers Gradio takes the first alone. Of changes the last counts:
LATEST: dict[str, Any] = {"trigger_mode": "always_last", **QUIET}
# Of picked things each is answered: the last would come with what was said of the first.
EACH: dict[str, Any] = {"trigger_mode": "multiple", **QUIET}
# what takes time in the window
BUSY: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    **DEVICE,
}
PAUSE = 0.2  # seconds between two looks at what goes on in small steps: a browser has to draw them
LOOK = 0.5  # seconds between two looks at a run: Gradio's page takes up to 0.1 s for each


def row(engine: Engine, name: str) -> Checkpoint:
    """The catalogue's row of that id. Raises UserError where there is none."""
    found = engine.models.row(name)
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


def views(kept: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of pictures of this app that lie for a visitor, with their captions: the small copies that a
    row of them shows, each beside its file. A page of large ones would weigh 20 MB.
    """
    return [(_view(Path(path)), caption) for path, caption in kept]


def _view(file: Path) -> str:
    view = file.with_name(f"{file.stem}-view.webp")
    if not view.exists():
        images.save_view(file, view)
    return str(view)


def download(path: str | Path | None, words: str, lang: str) -> str:
    """A link that saves a file of Gradio's cache; None: greyed, nothing is there yet.

    Not a DownloadButton: when other updates come at the same moment, Gradio can lose the one that
    enables it.
    """
    name = escaped(lang, words)
    if path is None:
        return f'<span class="download off">{name}</span>'
    return f'<a class="download" href="{html.escape(served(path))}" download>{name}</a>'


def film_downloads(film: str | Path, lang: str, keep: Callable[[Path], str] = files.keep) -> str:
    """Links that save a film that lies for the visitor: the WebP, and an MP4 that is made of it, or
    why there is none.
    """
    links = download(film, "Save the film (WebP)", lang)
    try:
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            made = mp4.from_film(Path(film), Path(folder) / f"{Path(film).stem}.mp4")
            links += download(keep(made), "Save the film (MP4)", lang)
    except UserError as e:
        links += refusal(e, lang)
    return f'<div class="films">{links}</div>'


def film(path: str | Path, alt: str, lang: str, said: str = "") -> str:
    """A film that lies for the visitor, `said` under it, and the links that save it."""
    caption = f"<figcaption>{html.escape(said)}</figcaption>" if said else ""
    shown = f'<img src="{html.escape(served(path))}" alt="{html.escape(alt)}">'
    return f'<figure class="walk">{shown}{caption}</figure>' + film_downloads(path, lang)


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


def refusal(error: UserError, lang: str) -> str:
    """A sentence for the person, where the result would be. Each has a number: a page takes no
    notice of a text that it shows already, so the same refusal twice would be said once.
    """
    told = escaped(lang, error.message)
    return f'<div class="refusal" role="alert" data-number="{next(_NUMBERS)}">{told}</div>'


def bug() -> UserError:
    """What a person reads of an error that is ours; the log has the rest."""
    return UserError("Something went wrong here. It was logged; please try again.")


def warning(text: str) -> str:
    """Something to know before one goes on."""
    return f'<div class="refusal warning" role="note">{html.escape(text)}</div>'


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
    preview: images.Picture | None = None  # how unfinished work looks
    curve: Sequence[float] = ()  # how far a fitting is, look by look
    so_far: SoFar | None = None  # what is left if it ends here
    moved: bool = False  # only the line is new


def show(
    results: Iterable[Result],
    recipe: Recipe,
    lang: str,
    keep: Callable[[Path], str] = files.keep,
    expected: float | None = None,
) -> Generator[Shown, None, None]:
    """The run's results as files that are kept for this visitor; with `str` for `keep`, they are
    gone when the iterator ends. `expected`: the seconds that its price said. No more often than a
    page can show it: one that hears of every tile has no time left for its Stop button.

    A refusal is a last Shown with its sentence; a bug is logged and shown as a neutral one.
    """
    with tempfile.TemporaryDirectory(prefix="ganapps-") as name:
        shown, pace = Shown("", recipe), Pace(expected, zerogpu.lent_to(recipe.task))
        try:
            files.check_room()
            last = None
            looked = -LOOK
            shown.moved = True
            for result in signals.heard(results):
                if isinstance(result, signals.Tick):
                    shown.line = progress.ticked(last, result, pace, lang)
                else:
                    last, shown.moved = result, False
                    _add(shown, result, Path(name), lang, keep)
                    shown.line = _line(result, pace, lang)
                if time.monotonic() - looked >= LOOK:
                    yield shown
                    looked, shown.moved = time.monotonic(), True
            shown.moved = False
            if shown.files and shown.report:
                shown.line = progress.done(shown.report, lang)
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
    shown.parts, shown.so_far = result.parts, result.so_far
    shown.preview = next(iter(result.preview), None)
    shown.curve = result.numbers.get("curve", ())


def _line(result: Result, pace: Pace, lang: str) -> str:
    if result.waiting:
        return progress.waiting(result, lang)
    pace.at_work()
    return progress.running(result.report, result.done, result.total, pace, lang)


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
    rows = engine.models.rows(task)
    return next((c for c in rows if engine.models.here(c)), rows[0])


def choices(
    engine: Engine, task: str, lang: str, commercial: bool = False
) -> list[tuple[str, str]]:
    """The model list: title, and whether it is here yet. Generators of something else than faces
    say it first, and stand together. `commercial`: only those that may be used so.
    """
    rows = [row for row in engine.models.rows(task) if row.commercial == "yes" or not commercial]
    drawn = {row.id: row.domains[0] if task == "faces" and row.domains else "" for row in rows}
    groups = list(dict.fromkeys(["", *drawn.values()]))
    listed = []
    for row in sorted(rows, key=lambda row: groups.index(drawn[row.id])):
        title = named(lang, row.title)
        if drawn[row.id]:
            title = f"{say(lang, drawn[row.id])}: {title}"
        if not engine.models.here(row):
            title = f"{title} ({say(lang, 'not here yet')})"
        listed.append((title, row.id))
    return listed
