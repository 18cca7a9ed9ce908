"""The worker on Ray, on a cluster of two replicas on this machine's processor."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from ganapps import engine
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models import hub
from ganapps.models.catalog import WEIGHTS
from ganapps.recipe import Recipe
from ganapps.workers import Job, chosen, signals
from ganapps.workers.brought import Brought
from ganapps.workers.here import alone
from ganapps.workers.replicas import options
from ganapps.workers.signals import RunEnded, Tick
from ganapps.workers.spawned import Spawned
from tests.waiting import wait

FACES = Recipe("faces", "heads-64", {"seed": 3, "count": 3})
FACES_OF_128 = Recipe("faces", "heads-128", {"seed": 3, "count": 3})
TWO = """
num_replicas = 2
max_ongoing_requests = 64
ray_actor_options = { num_cpus = 0.5 }
"""
FOREIGN = "f" * 64  # the sha256 of a file that only the front's machine has
LONG = Recipe("denoise", "heads-ddpm-64", {"steps": 80})


def drawn(results: Sequence) -> list[bytes]:
    return [kept.picture.tobytes() for result in results for kept in result.made]


def test_a_file_is_brought_where_this_machine_lacks_it(tmp_path: Path) -> None:
    """Needs no Ray: `contents` reads the file of the machine that asks."""
    own = engine.start("cpu", offline=True)
    checked, row = own.checked(FACES)
    known = hub.here(row)
    assert known is not None
    asked: list[Path] = []

    def contents(path: Path) -> bytes:
        asked.append(path)
        return path.read_bytes()

    brought = Brought()
    with brought.here(Job(checked, row, known), contents) as job:
        assert job.located.path == known.path and not asked, "it is here already"
    other = tmp_path / "heads.safetensors"
    other.write_bytes(b"another machine's")
    elsewhere = hub.Located(other, known.source, None, "0" * 64)
    for _ in range(2):
        with brought.here(Job(checked, row, elsewhere), contents) as job:
            assert job.located.path.read_bytes() == b"another machine's"
            assert job.located.path.name == other.name and job.located.sha256 == "0" * 64
        there = job.located.path
    assert asked == [other] and there.exists(), "brought once, and kept"
    mine = own.runtime.checkpoint(f"sha256:{'0' * 64}", "faces")
    with brought.here(Job(checked, mine, elsewhere), contents) as job:
        place = job.located.path
        assert place.exists()
    assert not place.exists() and len(asked) == 2, "a person's own file goes with its run"
    brought.close()
    assert not there.exists()


def test_what_is_no_cluster_is_one_sentence() -> None:
    with pytest.raises(UserError, match="The workers horse are unknown: accepted are ray"):
        chosen.elsewhere("cpu", True, workers="horse")
    pytest.importorskip("ray")
    with pytest.raises(UserError, match="passes on no streams"):
        chosen.elsewhere("cpu", True, workers="ray://head:10001")
    with pytest.raises(UserError, match="The Ray cluster 127.0.0.1:9 can't be joined"):
        chosen.elsewhere("cpu", True, workers="ray:127.0.0.1:9")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose runs are computed by two replicas."""
    pytest.importorskip("ray")
    from ganapps.workers.ray import Cluster

    file = tmp_path_factory.mktemp("ray") / "two.toml"
    file.write_text(TWO)
    own = engine.start("cpu", offline=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAPPS_RAY", str(file))
        cluster = Cluster("", "cpu", True)
    yield Engine(own.runtime, own.ledger, cluster)
    cluster.close()
    wait(lambda: not replicas())


def test_ray_takes_what_the_file_says() -> None:
    pytest.importorskip("ray")
    from ray import serve
    from ray.serve.config import AutoscalingConfig

    from ganapps.workers.ray import Replica

    told = options()
    assert set(told["autoscaling_config"]) <= set(AutoscalingConfig.model_fields)
    deployment = serve.deployment(Replica, **told)
    assert deployment.max_ongoing_requests == told["max_ongoing_requests"]
    assert deployment.ray_actor_options == told["ray_actor_options"]


def held() -> dict[str, set[str]]:
    """By replica, the models that Ray has noted it holds."""
    import ray
    from ray.serve.context import _get_global_client

    asked = _get_global_client()._controller._all_running_replicas.remote()
    return {
        replica.actor_name: set(replica.multiplexed_model_ids)
        for of_deployment in ray.get(asked).values()
        for replica in of_deployment
    }


def where(on_ray: Engine, recipe: Recipe) -> int:
    """The replica's process that computes a run."""
    before = {process: worked(process) for process in replicas()}
    list(on_ray.run(recipe))
    return max(before, key=lambda process: worked(process) - before[process])


def test_runs_go_to_the_replica_that_holds_their_model(on_ray: Engine) -> None:
    recipes = [FACES, FACES_OF_128, LONG.with_settings(steps=20)]
    models = {recipe.checkpoint for recipe in recipes}
    assert not models & set().union(*held().values())
    for recipe in recipes:
        list(on_ray.run(recipe))
    wait(lambda: models <= set().union(*held().values()))
    first = held()
    assert sum(len(models & each) for each in first.values()) == 3, "each is held by one"
    places = [where(on_ray, recipes[-1]) for _ in range(10)]
    assert len(set(places)) == 1, "by chance it would be once in five hundred times"
    assert held() == first


def replicas() -> list[int]:
    """The processes of the replicas."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "cmdline").read_text()
        except OSError:
            continue
        if name.startswith("ray::ServeReplica:ganapps"):
            found.append(int(process.name))
    return found


def worked(process: int) -> int:
    """How long a process has computed, in the system's ticks."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11])


def test_the_same_bytes_through_a_thread_a_process_and_ray(on_ray: Engine, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.effect_noise((70, 40), 60).convert("RGB").save(path)
    enlarged = Recipe("upscale", "spanx4", {"tile": 32, "inspect": False})
    here = engine.start("cpu", offline=True)
    spawned = Spawned(partial(alone, "cpu", True))
    elsewhere = Engine(here.runtime, here.ledger)
    elsewhere.worker = spawned
    for recipe, pictures in ((FACES, []), (enlarged, [str(path)])):
        first, second, third = (
            list(each.run(recipe, pictures)) for each in (here, elsewhere, on_ray)
        )
        assert drawn(first) == drawn(second) == drawn(third) != []
        assert third[-1].recipe == first[-1].recipe and third[-1].report.device == "CPU"
    spawned.close()
    assert on_ray.price(FACES).seconds is not None, "prices are kept where it was asked"


def test_sentences_own_files_and_stop_cross(on_ray: Engine, tmp_path: Path) -> None:
    checked, row = on_ray.checked(FACES)
    found = hub.here(row)
    assert found is not None
    wrong = Job(checked.with_settings(labels={"nose": 1}), row, found)
    with pytest.raises(UserError, match="nose"):
        list(on_ray.worker.steps(wrong))
    mine = tmp_path / "mine.safetensors"
    shutil.copy(WEIGHTS / found.path.name, mine)
    made = list(on_ray.run(FACES, weights=str(mine)))
    assert len(drawn(made)) == 3 and made[-1].recipe.checkpoint.startswith("sha256:")
    assert not list(Path(tempfile.gettempdir()).glob("ganapps-*/run-*/work/ganapps-own-*"))
    with signals.stopped_at_the_end():
        stream = on_ray.run(LONG)
        next(stream)
        signals.current().stop()
        with pytest.raises(RunEnded):
            list(stream)
    assert len(drawn(list(on_ray.run(FACES)))) == 3


def brought(on_ray: Engine, folder: Path) -> None:
    """A run with a model that no replica's machine has: it is brought there."""
    checked, row = on_ray.checked(FACES)
    found = hub.here(row)
    assert found is not None
    other = shutil.copy(WEIGHTS / found.path.name, folder / "other.safetensors")
    elsewhere = hub.Located(Path(other), found.source, None, FOREIGN)
    list(on_ray.worker.steps(Job(checked, row, elsewhere)))
    assert kept()


def kept() -> list[Path]:
    """Where that model lies on the disk of a replica."""
    base = Path(tempfile.gettempdir())
    return list(base.glob(f"ganapps-*/run-*/work/ganapps-models-*/{FOREIGN}"))


def test_what_was_brought_to_a_replica_that_is_killed_goes_with_the_next_one(
    on_ray: Engine, tmp_path: Path
) -> None:
    brought(on_ray, tmp_path)
    for process in replicas():
        os.kill(process, signal.SIGKILL)
    wait(lambda: not kept(), 120)
    wait(lambda: len(replicas()) == 2, 120)


def test_twenty_visitors_and_a_replica_that_is_killed(on_ray: Engine) -> None:
    before = {process: worked(process) for process in replicas()}
    assert len(before) == 2
    made: list[int] = []
    ticks: list[Tick] = []
    said: list[str] = []

    def visit(recipe: Recipe) -> None:
        results = []
        try:
            for item in signals.heard(on_ray.run(recipe), pause=0.05):
                (ticks if isinstance(item, Tick) else results).append(item)
            made.append(len(drawn(results)))
        except UserError as e:
            said.append(str(e))

    def visitors(recipe: Recipe, count: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=visit, args=(recipe,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    for thread in visitors(FACES.with_settings(count=8), 20):
        thread.join(300)
    assert made == [8] * 20 and said == []
    assert any(tick.before for tick in ticks), "the waiting line crosses"
    assert all(worked(process) > ticks for process, ticks in before.items()), "both took part"

    made.clear()
    before = {process: worked(process) for process in before}
    long = visitors(LONG, 6)
    wait(lambda: all(worked(process) > 100 + ticks for process, ticks in before.items()))
    os.kill(next(iter(before)), signal.SIGKILL)
    for thread in long:
        thread.join(300)
    assert said and all("process that computes has ended" in sentence for sentence in said)
    assert made and made == [1] * (6 - len(said)), "the other replica's went on"
    assert len(drawn(list(on_ray.run(FACES)))) == 3, "and the next one goes there"


def test_what_is_under_way_ends_with_the_app(on_ray: Engine, tmp_path: Path) -> None:
    """Its own replica would be waited for, 20 s, and then killed. The last test: it ends them."""
    brought(on_ray, tmp_path)
    said: list[str] = []
    begun = threading.Event()

    def visit() -> None:
        try:
            for _ in on_ray.run(LONG.with_settings(steps=1000)):
                begun.set()
        except UserError as e:
            said.append(str(e))

    visitor = threading.Thread(target=visit)
    visitor.start()
    wait(begun.is_set, 120)
    on_ray.close()
    visitor.join(60)
    assert said == ["The app ends, and the run with it."]
    with pytest.raises(UserError, match="The app ends"):
        list(on_ray.run(FACES))
    on_ray.close()
    wait(lambda: not kept())
