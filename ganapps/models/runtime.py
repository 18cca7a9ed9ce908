"""Turns a checkpoint into a network that is ready on this machine, and keeps it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ganapps import networks
from ganapps.device import Device, pick
from ganapps.errors import WeightsError
from ganapps.models import catalog, formats, hub, own_file
from ganapps.models.catalog import NEW, WEIGHTS, Checkpoint, Source
from ganapps.models.formats import folders
from ganapps.networks.contracts import Network

SHARE = 0.4  # of a device's memory that networks may stay in


@dataclass(frozen=True)
class Ready:
    """A network on its device, and its parameter count."""

    network: Network
    parameters: int


class Runtime:
    """Checkpoints by id, their files, and the networks made of them.

    Networks are loaded once and the longest unused ones leave when they fill 40 % of the device's
    memory.
    """

    def __init__(
        self, catalog: Mapping[str, Checkpoint], device: Device, offline: bool = False
    ) -> None:
        self.catalog, self.device, self.offline = dict(catalog), device, offline
        self._ready: OrderedDict[tuple, Ready] = OrderedDict()
        self._loading = threading.Lock()
        # one person's file at a time, and nobody else waits for it
        self._examining = threading.Lock()
        self._room = SHARE * device.free_memory()

    def checkpoint(self, name: str, task: str) -> Checkpoint:
        """The row called `name`, or one made up for `owner/repo:file@revision` or for a person's
        own file. Raises UserError for neither.
        """
        if name in self.catalog:
            return self.catalog[name]
        if (name, task) == (NEW.id, NEW.task):
            return NEW
        if own_file.is_own(name):
            return stranger(Source(name), task)
        if ":" not in name and "/" not in name:
            raise catalog.unknown(name)
        return stranger(hub.parse(name), task)

    def located(
        self, checkpoint: Checkpoint, revision: str | None = None
    ) -> Generator[hub.Progress, None, hub.Located]:
        """The checkpoint's file on this disk, fetched if need be: yields Progress while it
        downloads. `revision`: of the Hub, instead of the row's.
        """
        if own_file.is_own(checkpoint.id):
            raise own_file.missing(checkpoint)
        if checkpoint == NEW:
            return hub.Located(Path(), NEW.sources[0], None, None)
        return (yield from hub.fetch(_revised(checkpoint, revision), offline=self.offline))

    def fetches(self, checkpoint: Checkpoint, revision: str | None = None) -> bool:
        """May `located` fetch something from the Hub?"""
        return not (
            self.offline
            or checkpoint == NEW
            or own_file.is_own(checkpoint.id)
            or hub.settled(_revised(checkpoint, revision))
        )

    def network(self, checkpoint: Checkpoint, located: hub.Located) -> Ready:
        """The network of a file, from memory or loaded now. A person's own file is loaded for each
        run, and nothing of it is kept.

        Raises WeightsError if the file is not what the row says.
        """
        if checkpoint == NEW:
            return Ready(Network(), 0)
        if own_file.is_own(checkpoint.id):
            with self._examining:
                return self._load(replace(checkpoint, title=located.path.name[:80]), located)
        key = (str(located.path), located.path.stat().st_mtime_ns, checkpoint.id)
        with self._loading:
            if key not in self._ready:
                self._ready[key] = self._load(checkpoint, located)
            self._ready.move_to_end(key)
            while (
                len(self._ready) > 1
                and sum(4 * r.parameters for r in self._ready.values()) > self._room
            ):
                self._ready.popitem(last=False)
            return self._ready[key]

    def controls(self, network: str) -> tuple[str, ...]:
        """What a person can set on the network of that name, as `networks.CONTROLS` calls it."""
        return networks.CONTROLS.get(network, ())

    def own_file(self, path: str) -> own_file.Given:
        """What a person's checkpoint file holds. Raises WeightsError where that is no network known
        here.
        """
        located = own_file.located(path)
        with self._examining:
            kind, network = _built(stranger(located.source, ""), located, located.path.name[:80])
        return own_file.Given(
            str(located.source), kind, sum(p.numel() for p in network.parameters())
        )

    def labels(self, checkpoint: Checkpoint) -> formats.Contents | None:
        """The label rows that ship with a conditional model, or None. Raises WeightsError if their
        file is not the row's.
        """
        if not checkpoint.labels:
            return None
        return formats.read(
            hub.intact(WEIGHTS / checkpoint.labels, checkpoint.labels_sha256, checkpoint.title)
        )

    def _load(self, checkpoint: Checkpoint, located: hub.Located) -> Ready:
        _, network = _built(checkpoint, located, checkpoint.title)
        network = network.to(self.device.name)
        return Ready(network, sum(p.numel() for p in network.parameters()))


def _revised(checkpoint: Checkpoint, revision: str | None) -> Checkpoint:
    """The row with another revision of its Hub sources, where one is given."""
    if not revision:
        return checkpoint
    return replace(
        checkpoint,
        sources=tuple(replace(s, revision=revision) if s.repo else s for s in checkpoint.sources),
    )


def _built(checkpoint: Checkpoint, located: hub.Located, title: str) -> tuple[str, Network]:
    """The network in a file on the processor, and its name. Raises WeightsError."""
    files = located.source.files
    contents = (
        folders.read(located.path, files, title) if files else formats.read(located.path, title)
    )
    kind = checkpoint.network or _recognised(contents, title)
    try:
        network = networks.build(
            kind, contents.tensors, {**contents.settings, **checkpoint.settings}
        )
    except ValueError as e:
        raise WeightsError(
            "{file} is not a {network} checkpoint as expected: {why}",
            file=title,
            network=kind,
            why=e,
        ) from e
    return kind, network.eval().requires_grad_(False)


def _recognised(contents: formats.Contents, title: str) -> str:
    """The network whose layout a stranger's tensors have. Raises WeightsError that says what they
    are instead.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in contents.tensors.items()}
    try:
        if kind := networks.recognise(shapes):
            return kind
        judge = networks.is_discriminator(shapes)
        why = None if judge else networks.why_not(shapes)
    except ValueError as e:
        raise WeightsError("{file} can't be used: {why}.", file=title, why=e) from e
    if judge:
        raise WeightsError(
            "{file} looks like a discriminator, which judges pictures and makes none. "
            "Choose the generator's file of the same model.",
            file=title,
        )
    if why:
        raise WeightsError("{file} can't be used: {why}.", file=title, why=why)
    raise WeightsError(
        "{file} holds {count:tensor|tensors} in a layout that no network here knows: "
        "nothing was run.",
        file=title,
        count=len(shapes),
    )


def import_all() -> None:
    """What loading a network imports, now: before this process is copied, it costs no copy time."""
    networks.import_all()


def start(device: str = "auto", offline: bool = False, own_catalog: str | None = None) -> Runtime:
    """A runtime for this machine. Raises UserError for a device that is not there or a faulty
    catalogue.
    """
    return Runtime(catalog.load(networks.NAMES, own_catalog), pick(device), offline)


def stranger(source: Source, task: str) -> Checkpoint:
    """A row for a checkpoint that the catalogue does not know: its layout is recognised when it is
    read.
    """
    return Checkpoint(
        id=str(source),
        title=str(source),
        task=task,
        network="",
        sources=(source,),
        format="torch",
        licence="unknown: see its page on the Hub",
        commercial="unknown",
        trained_on="unknown",
        paper="unknown",
        parameters=0,
        data="unknown",
    )
