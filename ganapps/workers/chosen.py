"""Which workers compute, as the command line says."""

from __future__ import annotations

import importlib.util
from functools import partial

from ganapps.errors import UserError
from ganapps.workers import Standing
from ganapps.workers.here import alone
from ganapps.workers.several import Several
from ganapps.workers.spawned import Spawned


def elsewhere(
    device: str, offline: bool, own_catalog: str | None = None, workers: str = ""
) -> Standing | None:
    """Workers in other processes than this one, ready; None where none are asked for, so that this
    process computes itself. Raises UserError for a device or a cluster that is not there.
    """
    if workers:
        return _cluster(workers, device, offline)
    names = [name.strip() for name in device.split(",")]
    if len(names) == 1:
        return None
    share = max(1, names.count("cpu"))
    return Several([Spawned(partial(alone, name, offline, own_catalog, share)) for name in names])


def _cluster(workers: str, device: str, offline: bool) -> Standing:
    """The replicas on Ray that `ray` or `ray:ADDRESS` means."""
    kind, _, address = workers.partition(":")
    if kind != "ray":
        raise UserError(
            "The workers {workers} are unknown: accepted are ray, ray:auto and ray:HOST:PORT.",
            workers=workers,
        )
    if importlib.util.find_spec("ray") is None:
        raise UserError("Ray is not installed: pip install -r requirements-ray.txt")
    from ganapps.workers.ray import Cluster  # half a gigabyte that few need

    return Cluster(address, device, offline)
