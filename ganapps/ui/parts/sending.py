"""Between the tabs: a result goes on into another tab's upload box, and a link or a file of ours
opens the tab it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import gradio as gr

from ganapps import race as races
from ganapps.errors import UserError
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.ui.parts import common
from ganapps.ui.parts.tab import RACE, Sends, Tab


def receivers(tabs: Sequence[type[Tab]], sender: type[Tab]) -> list[type[Tab]]:
    """The tabs that a result of this one can be sent to."""
    return [tab for tab in tabs if tab.send and tab is not sender]


def opened(tabs: Sequence[type[Tab]], request: gr.Request) -> dict:
    """The tab of the link that was followed, or that the link names."""
    query = request.query_params
    asked = RACE if RACE in query else query.get("task")
    for tab in tabs:
        if asked == tab.name or asked in tab.shows:
            return gr.update(selected=tab.name)
    return gr.skip()


def connect(bar: gr.Tabs, there: Sequence[Tab]) -> None:
    """Wire the buttons that send and that restore, of the tabs on this `bar`."""
    by_name = {tab.name: tab for tab in there}
    for tab in there:
        own = Sends(tab.sends, tab.result_inputs, tab.result, tab.line)
        for sends in (own, *tab.further):
            for name, button in sends.buttons.items():
                outputs = [sends.box(by_name[name]), bar, sends.line]
                sender = _sender(sends, by_name[name], bar)
                button.click(sender, sends.reads, outputs, **common.QUIET)
        _restores(tab, there, bar)


def _sender(sends: Sends, receiver: Tab, bar: gr.Tabs) -> Callable:
    def send(values: Mapping, request: gr.Request) -> dict:
        path = sends.path(values)
        if path is None:
            refused = UserError("There is nothing to send yet: make a picture first.")
            return {sends.line: common.refusal(refused, common.language(request))}
        return {sends.box(receiver): path, bar: gr.update(selected=receiver.name)}

    return send


def _restores(tab: Tab, there: Sequence[Tab], bar: gr.Tabs) -> None:
    """A file of ours that is given to this tab comes back here, or on the tab that it is for."""

    def restored(values: Mapping, request: gr.Request) -> dict:
        lang = common.language(request)
        try:
            asked = races.from_file(values[tab.restore])
            its = home(asked, tab, there)
            updates = its.filled(asked, values, lang)
        except UserError as e:
            return {tab.line: common.refusal(e, lang)}
        if its is not tab:
            updates |= {bar: gr.update(selected=its.name)}
        return updates

    inputs = {tab.restore}.union(*(other.filling_inputs for other in there))
    outputs = {bar}.union(*(other.filling_outputs for other in there))
    tab.restore.upload(restored, inputs, list(outputs), **common.QUIET)


def home(asked: Recipe | Race, tab: Tab, there: Iterable[Tab]) -> Tab:
    """Where what was asked for is shown: on this tab if it can, else on its own."""
    task = RACE if isinstance(asked, Race) else asked.task
    if task in (*tab.shows, *tab.also):
        return tab
    # of a task that nobody knows, this tab says so
    return next((other for other in there if task in other.shows), tab)
