"""Files of models, brought to a machine that lacks them from the one that asks."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ganapps.errors import WeightsError
from ganapps.models import hub, own_file
from ganapps.models.catalog import NEW, Checkpoint
from ganapps.models.hub import Located
from ganapps.workers import Job

Contents = Callable[[Path], bytes]  # of the file at a path, on the machine that asks


class Brought:
    """What was brought to this machine; it is kept in a temporary folder, own files of persons only
    as long as they are computed with.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ganapps-models-"))
        self._one = threading.Lock()

    def close(self) -> None:
        """Nothing of it stays."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def here(self, job: Job, contents: Contents) -> Iterator[Job]:
        """The job with its files on this machine."""
        with tempfile.TemporaryDirectory(prefix="ganapps-own-") as once:

            def located(checkpoint: Checkpoint, there: Located) -> Located:
                if checkpoint == NEW:
                    return there
                if own_file.is_own(checkpoint.id):
                    return _copied(there, Path(once), contents)
                return _found(checkpoint, there) or self._kept(there, contents)

            others = {name: (row, located(row, there)) for name, (row, there) in job.others.items()}
            yield replace(job, located=located(job.checkpoint, job.located), others=others)

    def _kept(self, there: Located, contents: Contents) -> Located:
        assert there.sha256, "a run reads its model's file through"
        folder = self._folder / there.sha256
        with self._one:
            if folder.exists():
                return replace(there, path=folder / there.path.name)
            with tempfile.TemporaryDirectory(dir=self._folder) as half:
                _copied(there, Path(half) / "whole", contents)
                (Path(half) / "whole").rename(folder)
        return replace(there, path=folder / there.path.name)


def _found(checkpoint: Checkpoint, there: Located) -> Located | None:
    """The very same file, where this machine has it of its own."""
    fetching = hub.fetch(checkpoint, offline=True)
    with suppress(WeightsError):
        while True:
            try:
                next(fetching)
            except StopIteration as end:
                return end.value if end.value.sha256 == there.sha256 else None
    return None


def _copied(there: Located, folder: Path, contents: Contents) -> Located:
    """A file, or the files of a folder, copied into `folder`."""
    path = folder / there.path.name
    places = {path / name: there.path / name for name in there.source.files}
    for place, original in (places or {path: there.path}).items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents(original))
    return replace(there, path=path)
