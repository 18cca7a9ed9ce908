"""What the window knows of a tab: its name and words, which recipes open it, and what goes from it
to another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import gradio as gr
from gradio.components import Component

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.tasks.table import linked
from ganapps.ui.parts import choices
from ganapps.ui.parts.boxes import FileButton
from ganapps.ui.parts.underway import Underway
from ganapps.ui.words import t

RACE = "race"  # stands in `shows` for a race, beside the names of tasks
FILES = [".png", ".webp", ".jpg", ".jpeg", ".mp4", ".json"]  # what a recipe may come back in


@dataclass(frozen=True)
class Sends:
    """Buttons that send one more result of a tab on, by the receiver's name. `path` tells its file
    from the values of what it `reads`; `line` says where there is none. `box` of the receiver takes
    it.
    """

    buttons: Mapping[str, gr.Button]
    reads: set
    path: Callable[[Mapping], str | None]
    line: gr.HTML
    box: Callable[[Tab], Component] = lambda tab: tab.picture


class Tab(ABC):
    """A tab says what it is in the head of its class, and `tabs.table` lists the class; whatever
    concerns all tabs reads that.
    """

    name: ClassVar[str]  # the ids of its elements begin with it
    title: ClassVar[str]
    shows: ClassVar[tuple[str, ...]]  # the tasks whose recipes and links open it
    also: ClassVar[tuple[str, ...]] = ()  # those that it shows too, where they are dropped on it
    send: ClassVar[str] = ""  # what a button says that sends a picture here; "": it takes none

    line: gr.HTML  # where it says what happens
    picture: gr.Image  # where a picture that is sent here arrives, if it takes one
    asked: set  # what a run is made from
    sends: Mapping[str, gr.Button]  # the buttons that send its result on, by the receiver's name
    restore: gr.UploadButton

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        """`receivers` are the tabs that its results can be sent to."""
        self.engine, self.receivers = engine, receivers
        self.sends = {}
        self.further: list[Sends] = []
        self.underway = Underway()  # by session: what Stop reaches or shows of a run

    @property
    def models(self) -> set:
        """Its lists of models, whose words `opened` fills in."""
        return set()

    @property
    def offered_words(self) -> list:
        """Its lists whose choices the visitor reads, but for those of models."""
        return choices.boxes(self.asked - self.models)

    # -- what it lays out

    def make_sends(self) -> None:
        """A button for each tab that results can be sent to."""
        self.sends = self.send_buttons(self.name)

    def send_buttons(self, name: str) -> dict[str, gr.Button]:
        """The same, with ids that begin with a name."""
        return {
            tab.name: gr.Button(t(tab.send), size="sm", elem_id=f"{name}-send-{tab.name}")
            for tab in self.receivers
        }

    def make_restore(self) -> None:
        """The button that takes a file of ours; a file dropped anywhere on the tab goes there too
        (window.js).
        """
        self.restore = FileButton(
            t("Settings from a PNG"),  # type: ignore[arg-type]  # Gradio takes it here too
            file_types=FILES,
            size="sm",
            elem_id=f"{self.name}-restore",
            elem_classes="restore",
        )

    # -- what the window asks of it

    @property
    @abstractmethod
    def opening_outputs(self) -> list:
        """What `opened` fills."""

    @abstractmethod
    def opened(self, request: gr.Request) -> dict:
        """The words that depend on the visitor's language, and the link that was followed."""

    @property
    def at_start(self) -> list[Callable[[], None]]:
        """What is made once, when the app starts, for everybody's first visit."""
        return []

    @property
    def drawing_outputs(self) -> list:
        """What `drawn` fills; [] for a tab that has nothing to draw when a page opens."""
        return []

    def drawn(self, request: gr.Request) -> Iterator[dict]:
        """What a page opens with and takes a while, in the queue."""
        yield {}

    def left(self, session: str | None) -> None:
        """A visitor has gone: nothing of theirs stays in memory."""
        self.underway.take(session)

    def linked(self, query: Mapping[str, str]) -> Recipe | None:
        """The recipe of a link; None where it is not this tab's. Raises UserError for a damaged
        one.
        """
        try:
            recipe = linked(query)
        except UserError:
            if query.get("task") in self.shows:
                raise
            return None
        return recipe if recipe and recipe.task in self.shows else None

    # -- what goes from tab to tab

    @property
    def result_inputs(self) -> set:
        """What `result` reads."""
        return set()

    def result(self, values: Mapping) -> str | None:
        """The path of the picture to send on; None: there is none yet."""
        return None

    @property
    def filling_inputs(self) -> set:
        """What `filled` reads."""
        return set()

    @property
    @abstractmethod
    def filling_outputs(self) -> set:
        """What `filled` fills."""

    @abstractmethod
    def filled(self, asked: Recipe | Race, values: Mapping, lang: str) -> dict:
        """Updates that show what was asked for in the widgets, and say so. Raises UserError where
        it can't be shown.
        """
