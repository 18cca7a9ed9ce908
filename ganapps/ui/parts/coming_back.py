"""A page that is reloaded finds its runs again: what it had in its widgets, what came out, and what
is still under way.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction

from ganapps.ui.doors import files
from ganapps.ui.doors.turns import opens, presses
from ganapps.workers import runs
from ganapps.workers.runs import Run, Runs

Properties = dict[str, Any]  # of a widget, those that an update changes
Widgets = dict[Any, Properties]
PAUSE = 0.2  # seconds between two looks at a run that is under way
# The key of this page at this address: it outlives a reload, and no other page has it. Some
# browsers keep nothing.
KEY = """() => {
  try {
    const name = "ganapps-page" + location.search;  // a link begins anew
    let key = sessionStorage.getItem(name);
    if (!key) {
      const drawn = crypto.getRandomValues(new Uint8Array(16));
      key = [...drawn].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem(name, key);
    }
    return key;
  } catch { return ""; }
}"""


class ComingBack:
    """The event of a reloaded page, and what every other event tells the registry for it."""

    def __init__(self, window: gr.Blocks, tabs: gr.Tabs, key: gr.Textbox, registry: Runs) -> None:
        """Wire the whole window; inside it, after everything else. `key` is a hidden box for the
        page's key; `registry` is the queue's.
        """
        self.tabs, self.key, self.runs = tabs, key, registry
        functions = list(window.fns.values())
        buttons = [function for function in functions if presses(function)]
        for function in functions:
            if opens(function) and not function.inputs:
                self._opens(function)
            elif ended := _ended_before(function, window.fns):
                self._ends(function, ended)
        widgets: dict[Any, None] = {self.tabs: None}
        for function in buttons:
            widgets |= dict.fromkeys((*function.inputs, *function.outputs))
            _notes(function)
        window.load(
            self._returned,
            self.key,
            list(widgets),
            js=KEY,
            show_progress="hidden",
            api_visibility="private",
            concurrency_id="coming back",
            concurrency_limit=None,
        )

    def _returned(self, key: str, request: gr.Request) -> Iterator[Mapping]:
        """What the page had when it was left; then what comes, while something is under way."""
        seen: dict[str, int] = {}
        there = self._there(key, request)
        yield {self.tabs: gr.skip()}  # of what yields nothing, Gradio empties every widget
        while there:
            under_way = []
            for run in there:
                if not run.over:  # asked first: what is shown after that is looked at again
                    under_way.append(run)
                latest = run.updates
                new = run.since(seen.get(run.name, 0))
                if run.given and run.name not in seen:
                    new = _merged(self._begun(run), new)
                if new:
                    seen[run.name] = latest
                    yield _updates(new)
            there = under_way
            if there:
                time.sleep(PAUSE)

    def _begun(self, run: Run) -> Widgets:
        """What the page had in its widgets when it asked for a run, and the tab it was on."""
        begun = {widget: dict(properties) for widget, properties in run.given.items()}
        tab = next((_tab(widget) for widget in run.given), None)
        return begun if tab is None else {**begun, self.tabs: {"selected": tab}}

    def _there(self, key: str, request: gr.Request) -> list[Run]:
        """The runs to which the page of this key comes back."""
        session = request.session_hash or ""
        self.runs.opened(key, session)
        there = []
        for run in self.runs.of(session):
            if _deleted(run):
                self.runs.forget(run)
            else:
                there.append(run)
        return there

    def _opens(self, function: BlockFunction) -> None:
        """What a page shows at first leaves alone what comes back to it."""
        opened, outputs = function.fn, function.outputs
        assert opened is not None

        def left(key: str, request: gr.Request) -> Widgets:
            held: Widgets = {}
            for run in self._there(key, request):
                held = _merged(held, _merged(self._begun(run), run.since(0)))
            return held

        def once(key: str, request: gr.Request) -> Any:
            return _but(opened(request), left(key, request), outputs)

        def streamed(key: str, request: gr.Request) -> Iterator[Any]:
            with closing(opened(request)) as updates:
                for update in updates:
                    yield _but(update, left(key, request), outputs)

        function.fn = streamed if function.types_generator else once
        function.inputs, function.inputs_as_dict = [self.key], False
        function.js = KEY

    def _ends(self, function: BlockFunction, ended: Collection[int]) -> None:
        """What Stop shows belongs to the runs that it ends: those of these buttons."""
        shows, outputs = function.fn, function.outputs
        assert shows is not None

        @wraps(shows)
        def stopped(*given: Any) -> Any:
            request = next(value for value in given if isinstance(value, gr.Request))
            stopped_here = []
            for run in self.runs.of(request.session_hash or ""):
                if run.button in ended and not run.whole:
                    run.signals.stop()
                    run.whole = run.over = True
                    stopped_here.append(run)
            update = shows(*given)
            for run in stopped_here:
                run.show(_properties(update, outputs))
            return update

        function.fn = stopped


def _ended_before(function: BlockFunction, functions: Mapping[int, BlockFunction]) -> set[int]:
    """The buttons whose runs end before this event; Gradio has the ending as an event of its own,
    of the same button.
    """
    if function.trigger_after is None or function.fn is None:
        return set()
    pressed = functions[function.trigger_after].targets
    endings = [other.cancels for other in functions.values() if other.targets == pressed]
    return {button for cancelled in endings for button in cancelled}


def _notes(function: BlockFunction) -> None:
    """What a button does is noted with its run."""
    does, inputs, outputs = function.fn, function.inputs, function.outputs
    by_name = function.inputs_as_dict
    assert does is not None

    @wraps(does)
    def noted(*given: Any) -> Iterator[Any]:
        run = runs.current()
        if run is None:
            yield from does(*given)
            return
        values = given[0] if by_name else dict(zip(inputs, given))
        run.given = {widget: {"value": value} for widget, value in values.items()}
        run.over = False
        with closing(does(*given)) as updates:
            try:
                for update in updates:
                    if not run.whole:
                        run.show(_properties(update, outputs))
                    yield update
                run.whole = True
            finally:
                run.over = True

    function.fn = noted


def _properties(update: Any, outputs: Sequence[Any]) -> Widgets:
    """An event's update, as Gradio takes it, by widget."""
    if isinstance(update, Mapping) and "__type__" not in update:
        by_widget = dict(update)
    elif len(outputs) == 1:
        by_widget = {outputs[0]: update}
    else:
        by_widget = dict(zip(outputs, update))
    return {widget: _of_one(value) for widget, value in by_widget.items()}


def _of_one(value: Any) -> Properties:
    if isinstance(value, Mapping) and value.get("__type__") == "update":
        return {name: what for name, what in value.items() if name != "__type__"}
    return {"value": list(value) if isinstance(value, list) else value}


def _merged(widgets: Widgets, later: Widgets) -> Widgets:
    """Both: where both say something of a property of a widget, the later holds."""
    both = dict(widgets)
    for widget, properties in later.items():
        both[widget] = {**both.get(widget, {}), **properties}
    return both


def _updates(widgets: Widgets) -> dict:
    return {widget: gr.update(**properties) for widget, properties in widgets.items()}


def _but(update: Any, held: Widgets, outputs: Sequence[Any]) -> Any:
    """An update without the properties that are held by what comes back."""
    if not held:
        return update
    left = {}
    for widget, properties in _properties(update, outputs).items():
        mine = held.get(widget, {})
        left[widget] = {name: what for name, what in properties.items() if name not in mine}
    return _updates(left)


def _tab(widget: Any) -> str | int | None:
    """The id of the tab that a widget stands on."""
    while widget is not None and not isinstance(widget, gr.Tab):
        widget = getattr(widget, "parent", None)
    return None if widget is None else widget.id


def _deleted(run: Run) -> bool:
    """Is a file gone that the page had brought? Then it was deleted by hand, or by age."""
    brought: list[Any] = []
    for properties in run.given.values():
        value = properties["value"]
        brought += value if isinstance(value, list) else [value]
    here = str(files.folder())
    paths = [value for value in brought if isinstance(value, str) and value.startswith(here)]
    return not all(Path(path).exists() for path in paths)
