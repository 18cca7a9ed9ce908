"""What is known of models before one of them runs: rows, files, labels, directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganapps.errors import UserError, WeightsError
from ganapps.models import hub, own_file
from ganapps.models.catalog import NEW, Checkpoint
from ganapps.models.runtime import Runtime
from ganapps.tasks import directions
from ganapps.tasks.labels import FACE, Labels
from ganapps.workers.here import directions_of, labels_of


class Models:
    """The catalogue's rows and persons' own files, for who chooses among them."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._tables: dict[str, Labels | None] = {}
        self._sizes: dict[str, int | None] = {}  # what the Hub said of models whose row does not

    def rows(self, models: str) -> list[Checkpoint]:
        """The catalogue's rows that can do a task, in its order; what learns is made new."""
        if models == NEW.task:
            return [NEW]
        return [c for c in self.runtime.catalog.values() if c.task == models]

    def row(self, name: str) -> Checkpoint | None:
        """The catalogue's row of that id, if there is one."""
        return self.runtime.catalog.get(name) if isinstance(name, str) else None

    def own_file(self, path: str) -> own_file.Given:
        """What a person's checkpoint file holds. Raises WeightsError where that is no network known
        here.
        """
        return self.runtime.own_file(path)

    def here(self, checkpoint: Checkpoint) -> bool:
        """Is the model's file on this disk already?"""
        return checkpoint is NEW or hub.here(checkpoint) is not None

    def hub_answers(self) -> bool:
        """Does the Hub answer (asked at most once a minute)? Never asked when offline."""
        return not self.runtime.offline and hub.reachable()

    def controls(self, checkpoint: Checkpoint) -> tuple[Mapping[str, Any], ...]:
        """The named labels a person can set on this model, as tasks/labels.py describes them; empty
        for most models, and where their file is damaged: the window opens all the same, and a run
        says what is wrong.
        """
        try:
            table = self.labels(checkpoint)
        except WeightsError:
            return ()
        return table.controls if table else ()

    def directions(self, checkpoint: Checkpoint) -> dict[str, str]:
        """The directions that the task `edit` has for this model beside those that it finds on the
        spot (pca-1, ..., sefa-1, ...), by name, and what they are called; none for most models.
        """
        try:
            table = self.labels(checkpoint)
        except WeightsError:
            table = None
        found = {name: way.title for name, way in directions.ways(table)}
        for source in checkpoint.sources:
            shipped = directions_of(source.sha256).names if source.sha256 else {}
            found |= {name: name.replace("_", " ") for name in shipped if name not in found}
        return found

    def takes(self, network: str, control: str) -> bool:
        """Can a person set this ("denoise", "style", "face") on the network of that name, which a
        row or an own file says? "" is no network.
        """
        return control in self.runtime.controls(network)

    def labels(self, checkpoint: Checkpoint) -> Labels | None:
        """The labels of a model as its row tells them, before its network is here."""
        if checkpoint.id not in self._tables:
            face = len(FACE) if self.takes(checkpoint.network, "face") else 0
            count = len(checkpoint.classes) or face
            self._tables[checkpoint.id] = labels_of(self.runtime, checkpoint, count)
        return self._tables[checkpoint.id]

    def download(self, checkpoint: Checkpoint) -> int | None:
        """Bytes to fetch before a run: 0 where the model is here; where its row does not say, the
        Hub is asked, once.
        """
        if checkpoint is NEW or own_file.is_own(checkpoint.id) or hub.here(checkpoint):
            return 0
        if checkpoint.size:
            return checkpoint.size
        if checkpoint.id not in self._sizes and self.hub_answers():
            self._sizes[checkpoint.id] = hub.size(checkpoint)
        return self._sizes.get(checkpoint.id)

    def for_task(self, name: str, task: str, also: Sequence[str] = ()) -> Checkpoint:
        """The row of that name, whose models do `task`. Raises UserError for another one."""
        checkpoint = self.runtime.checkpoint(name, task)
        if checkpoint.task not in (task, *also):
            raise UserError(
                "The model {model} is for {its}, not for {task}: choose another one.",
                model=checkpoint.title,
                its=checkpoint.task,
                task=task,
            )
        return checkpoint
