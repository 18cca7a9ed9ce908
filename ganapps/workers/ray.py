"""The worker on a Ray cluster: replicas of a Ray Serve deployment compute, on whatever machines Ray
has; what they get and give are plain bytes.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import ray
from ray import exceptions, serve
from ray.serve.exceptions import RayServeException
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ganapps.errors import UserError
from ganapps.pictures import temporary
from ganapps.report import Report, Step
from ganapps.workers import Job, Worker, crossing, replicas
from ganapps.workers.brought import Brought
from ganapps.workers.here import Here, alone

NAME = "ganapps"  # of the application on the cluster
KNOCK = 5.0  # seconds in which a cluster answers at its address
MODELS = 8  # of which a replica says that it holds them


class Cluster(Worker):
    """The replicas on the cluster at `address` ("host:port", or "auto": the one on this machine);
    "" starts one on this machine alone. It is waited until they are ready; each computes on the
    device of that name.

    Raises UserError where the cluster can't be joined or its replicas can't be started.
    """

    def __init__(self, address: str, device: str, offline: bool) -> None:
        asked = replicas.options()
        _join(address)
        self._closed = False
        self._under_way = replicas.UnderWay()
        self._hearing = threading.Lock()
        self._responses: set[Any] = set()  # what runs are heard through
        self._node = ray.get_runtime_context().get_node_id()
        try:
            application = serve.deployment(Replica, **asked).bind(device, offline)
            self._replicas = serve.run(application, name=NAME, route_prefix=None)
            kind, what = pickle.loads(self._replicas.ready.remote().result())
        except (RuntimeError, ValueError, TypeError, exceptions.RayError) as e:
            self.close()
            raise UserError("The workers on Ray can't be started: {why}", why=e) from e
        if kind != "ready":
            self.close()
            crossing.raised(kind, what)
        self.title = f"Ray, {what}"

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says. Raises UserError where the replica ended under it, too: the
        next job then goes to another one.
        """
        if self._closed:  # Ray would start a cluster of its own
            raise crossing.ending()
        holds = self._under_way.begun(job.checkpoint.id)
        replica = self._replicas.options(stream=True, multiplexed_model_id=holds)
        response = replica.steps.remote(pickle.dumps(job), self._node)
        with self._hearing:
            self._responses.add(response)
        try:
            yield from crossing.understood(pickle.loads(item) for item in response)
        except exceptions.RayTaskError as e:
            crossing.raised("bug", str(e))
        except (exceptions.RayError, RayServeException) as e:
            raise (crossing.ending() if self._closed else crossing.gone()) from e
        finally:
            self._under_way.over(job.checkpoint.id)
            with self._hearing:
                self._responses.discard(response)
            if not self._closed:
                response.cancel()

    def close(self) -> None:
        """End the replicas, and the cluster where it was started for this process alone. What is
        under way is stopped first: Ray would wait 20 s for it.
        """
        if self._closed:
            return
        self._closed = True
        with self._hearing:
            responses = list(self._responses)
        with suppress(exceptions.RayError, RayServeException):
            for response in responses:
                response.cancel()
        with suppress(exceptions.RayError, RayServeException):
            serve.delete(NAME)
        ray.shutdown()

    def wanted(self) -> bool:
        """As `workers.Worker` says."""
        return self._under_way.any()


def _join(address: str) -> None:
    """Be a driver of the cluster. Signals mean what they meant before: Ray would change that."""
    if "//" in address:
        raise UserError(
            "{address} is Ray's client, which passes on no streams: start the app on a machine of "
            "the cluster, with --workers ray:auto.",
            address=f"ray:{address}",
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    alone_here = {} if address else {"include_dashboard": False}
    try:
        if ":" in address:
            _knock(address)
        ray.init(address or "local", log_to_driver=False, **alone_here)
        serve.start(proxy_location="Disabled")
    except (RuntimeError, ValueError, OSError) as e:
        raise UserError(
            "The Ray cluster {address} can't be joined: {why}", address=address, why=e
        ) from e
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _knock(address: str) -> None:
    """Raises OSError or ValueError where nobody listens: Ray would ask for minutes."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=KNOCK):
        pass


class Replica:
    """A worker on one of the cluster's machines."""

    def __init__(self, device: str, offline: bool) -> None:
        temporary.taken(Path(tempfile.gettempdir()))
        self._brought = Brought()
        self._worker: Here | UserError
        try:
            self._worker = alone(device, offline)
        except UserError as e:
            self._worker = e  # told to whoever asks: Ray would try it again and again

    def __del__(self) -> None:
        """Ray calls it where a replica ends in peace; what one leaves that is killed is swept by
        the next process of ours on its machine.
        """
        self._brought.close()

    async def ready(self) -> bytes:
        """What its device is called, or why there is none: an item, packed."""
        if isinstance(self._worker, UserError):
            return pickle.dumps(("error", self._worker))
        return pickle.dumps(("ready", self._worker.title))

    async def steps(self, packed: bytes, node: str) -> AsyncIterator[bytes]:
        """What `crossing.answers` gives for a job, each packed. `node` is the machine that has its
        files. Whoever leaves the stream stops the job.
        """
        job = pickle.loads(packed)
        await self._holds(job.checkpoint.id)
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[bytes | None] = asyncio.Queue()
        left = threading.Event()

        def work() -> None:
            with closing(crossing.answers(self._steps(job, node))) as items:
                for item in items:
                    if left.is_set():
                        return
                    loop.call_soon_threadsafe(told.put_nowait, pickle.dumps(item))
            loop.call_soon_threadsafe(told.put_nowait, None)

        threading.Thread(target=work, daemon=True, name="job").start()
        try:
            while (item := await told.get()) is not None:
                yield item
        finally:
            left.set()

    @serve.multiplexed(max_num_models_per_replica=MODELS)
    async def _holds(self, model: str) -> str:
        """Ray notes who was given which model, and sends runs of it there."""
        return model

    def _steps(self, job: Job, node: str) -> Iterator[tuple[Step, Report]]:
        if isinstance(self._worker, UserError):
            raise self._worker
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        read = _contents.options(scheduling_strategy=there)
        with self._brought.here(job, lambda path: ray.get(read.remote(path))) as brought:
            yield from self._worker.steps(brought)


@ray.remote(num_cpus=0)
def _contents(path: Path) -> bytes:
    """What is in a file of the machine that asks."""
    return path.read_bytes()
