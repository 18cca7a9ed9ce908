"""Is every task right on this GPU, and what does it cost? A table, with the card's name.

    python benchmarks/gpu.py [--device cuda] [--small] [--seconds 170]

Under three minutes on an H100, start and imports included; nothing is fetched. Every model that is
here, and every task, makes on the GPU what it makes on the processor: in float32 without TF32
within one level on average, in the precision that "auto" takes within two. Of models that read
texts and of enlargers by diffusion none ships: small random ones stand for them. Then Stop, two
visitors at once, a run in half the memory that it took, a race, and seconds
(benchmarks/gpu_speed.py): those charged, those a visitor waits, those of bare calls of the network,
and the share of what a large product of matrices reaches here in the same precision. A line that
fails says so, and the next one is tried; what is not begun when `--seconds` are over is named.
`--device cpu --small` tries the program itself. Exit status 1: something is wrong or was not tried.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import argparse
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image

from ganapps import engine as door
from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.models.catalog import NEW
from ganapps.race import Race, race
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.workers import signals
from tests import small_stable

Line = tuple[str, Callable[[], tuple[str, bool]]]  # what it is of; what is found, and is it right?

FEW = 4  # steps, where a model has some
# by task or model: so that a run of each model is short
SHORT: dict[str, dict[str, Any]] = {
    "faces": {"count": 3},
    "denoise": {"steps": FEW},
    "repair": {"box": [4, 4, 12, 12]},
    "text": {"prompt": "a cat"},
    "editor": {"prompt": "a cat"},  # that one alone of its task reads a text
}
FAMILY = {"ada": {"seed": 1}, "ben": {"seed": 2}}
FIVE = [[12, 18], [28, 18], [20, 26], [14, 32], [26, 32]]
MORE = [  # of one model each, beside what every model does
    Recipe("faces", "heads-64", {"count": 2, "noise": "random"}),
    Recipe("strip", "heads-64", {"count": 3}),
    Recipe("loop", "heads-64", {"count": 3, "frames": 3}),
    Recipe("walk", "heads-64", {"frames": 3}),
    Recipe("edit", "heads-64", {"edits": {"pca-1": 1.0}}),
    Recipe("ages", "heads-64", {"count": 2}),
    Recipe("frontal", "heads-64"),
    Recipe("drag", "heads-64", {"points": [[20, 20, 24, 24]], "steps": 2}),
    Recipe("breed", "heads-64", {"family": FAMILY, "parents": ["ada", "ben"], "count": 2}),
    Recipe("morph", "heads-64", {"family": FAMILY, "begin": "ada", "end": "ben", "frames": 3}),
    Recipe("say", "heads-64", {"sentence": "an old woman with glasses"}),
    Recipe("export", "heads-64", {"count": 2}),
    Recipe("invert", "heads-64", {"steps": 10, "points": FIVE}),
    Recipe("drift", "heads-ddpm-64", {"frames": 3, "steps": 2}),
    Recipe("restore", "filler-ours"),
]
LIMITS = {"float32": 1.0, "auto": 2.0}  # mean levels of 255 that a picture may lie apart
CAP = 0.5  # of the memory that a run took beside the networks
SLOWEST_STOP = 1.0  # seconds


class Table:
    """The lines so far: what is wrong, and what was not tried because the time is over."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.wrong: list[str] = []
        self.untried: list[str] = []
        print("| what | found | s | |\n|---|---|---|---|", flush=True)

    def tried(self, what: str, work: Callable[[], tuple[str, bool]]) -> None:
        """One line, at once: whoever waits sees it. What raises is wrong, and no more than that."""
        began = time.perf_counter()
        if began > self.until:
            self.untried.append(what)
            return
        try:
            found, right = work()
        except Exception as error:
            found, right = f"{type(error).__name__}: {error}".replace("\n", " ")[:300], False
            traceback.print_exc()
        if not right:
            self.wrong.append(what)
        seconds = time.perf_counter() - began
        print(f"| {what} | {found} | {seconds:.1f} | {'' if right else 'WRONG'} |", flush=True)

    def end(self) -> int:
        """What is left to say, and the exit status."""
        print(f"\nWrong: {', '.join(self.wrong) or 'nothing'}.")
        if self.untried:
            print(f"Not tried, for the time was over: {', '.join(self.untried)}.")
        print(f"{time.perf_counter() - BEGAN:.0f} s, imports included.", flush=True)
        return int(bool(self.wrong or self.untried))


def picture(folder: Path, width: int, height: int) -> str:
    """The path of a picture of that size, the same every time."""
    path = folder / f"{width}x{height}.png"
    rng = np.random.default_rng(0)
    rough = Image.fromarray(rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8))
    rough.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return str(path)


def run(engine: Engine, recipe: Recipe, pictures: list[str]) -> list[Result]:
    """All results of a recipe."""
    return list(engine.run(recipe, pictures))


def pixels(results: list[Result]) -> list[np.ndarray]:
    """What was made, as levels of 255."""
    made = [np.asarray(kept.picture) for result in results for kept in result.made]
    return [x / 257.0 if x.dtype == np.uint16 else x.astype(float) for x in made]


def apart(results: list[Result], expected: list[Result]) -> tuple[float, float]:
    """How far two runs' pictures lie apart: the largest mean and the largest single difference."""
    far = [np.abs(x - y) for x, y in zip(pixels(results), pixels(expected), strict=True)]
    return max(x.mean() for x in far), max(x.max() for x in far)


def everything(gpu: Engine) -> list[Recipe]:
    """A short recipe for every model that is here, and for the tasks beside."""
    recipes = []
    for row in gpu.runtime.catalog.values():
        if row.task in TASKS and gpu.models.here(row):
            fewer = {"steps": FEW} if row.defaults.get("steps", 0) > FEW else {}
            short = SHORT.get(row.task, {}) | SHORT.get(row.id, {})
            recipes.append(Recipe(row.task, row.id, short | fewer))
    return recipes + MORE


def right(gpu: Engine, cpu: Engine, folder: Path) -> Iterator[Line]:
    """Does the GPU make what the processor makes?"""
    small = picture(folder, 48, 40)

    def beside(recipe: Recipe) -> tuple[str, bool]:
        pictures = [small] if TASKS[recipe.task].pictures else []
        expected = run(cpu, replace(recipe, precision="float32"), pictures)
        said, good = [], True
        for precision, limit in LIMITS.items():
            torch.backends.cudnn.allow_tf32 = precision == "auto"
            try:
                results = run(gpu, replace(recipe, precision=precision), pictures)
            finally:
                torch.backends.cudnn.allow_tf32 = True
            mean, most = apart(results, expected)
            good &= mean < limit
            used = results[-1].report.computed
            said.append(f"{used}: {mean:.3f} mean, {most:.0f} most")
        return "; ".join(said), good

    for recipe in everything(gpu):
        yield f"{recipe.task} {recipe.checkpoint}", lambda recipe=recipe: beside(recipe)


def learned(gpu: Engine) -> tuple[str, bool]:
    """Does the Lab learn here? What it learns is no other device's to the bit."""
    *_, last = run(gpu, Recipe("learn", NEW.id, {"steps": 100}), [])
    return f"{last.done:.0f} of {last.total:.0f} steps", last.done == last.total


def stop(gpu: Engine) -> tuple[str, bool]:
    """How long a run goes on after Stop."""
    own, ended = signals.Signals(), []

    def visit() -> None:
        signals.use(own)
        try:
            run(gpu, Recipe("denoise", "heads-ddpm-64", {"steps": 900}), [])
        except signals.RunEnded:
            ended.append(time.perf_counter())

    thread = threading.Thread(target=visit)
    thread.start()
    time.sleep(1)  # it is in the middle of its steps
    began = time.perf_counter()
    own.stop()
    thread.join()
    if not ended:
        return "it was not stopped", False
    return f"{ended[0] - began:.2f} s", ended[0] - began < SLOWEST_STOP


def visitors(gpu: Engine) -> tuple[str, bool]:
    """Two at once, beside one after the other."""
    recipes = [Recipe("denoise", "heads-ddpm-64", {"steps": 20, "seed": n}) for n in (1, 2)]
    began = time.perf_counter()
    expected = [run(gpu, recipe, []) for recipe in recipes]
    alone = time.perf_counter() - began
    results: dict[int, list[Result]] = {}

    def visit(number: int) -> None:
        results[number] = run(gpu, recipes[number], [])

    threads = [threading.Thread(target=visit, args=(number,)) for number in (0, 1)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = time.perf_counter() - began
    same = len(results) == 2 and all(apart(results[n], expected[n])[1] == 0 for n in (0, 1))
    return f"{together:.2f} s together, {alone:.2f} s in turn", same


def capped(gpu: Engine, folder: Path, small: bool) -> tuple[str, bool]:
    """An enlargement beside the same one where it may use half of the memory that it took."""
    large = picture(folder, 96, 64) if small else picture(folder, 1504, 1000)
    recipe = Recipe("upscale", "realesrgan-x4plus", {"tile": 768, "inspect": False})
    run(gpu, recipe, [large])  # its network stays
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    rest = torch.cuda.memory_allocated()
    expected = run(gpu, recipe, [large])
    took = torch.cuda.max_memory_allocated() - rest
    torch.cuda.empty_cache()
    whole = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((rest + CAP * took) / whole)
    try:
        results = run(gpu, recipe, [large])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    mean, most = apart(results, expected)
    before = expected[-1].report.changes
    said = "; ".join(str(c) for c in results[-1].report.changes if c not in before)
    found = f"{said or 'not tested: the memory was enough'}; {mean:.3f} mean, {most:.0f} most"
    return found, said != "" and mean < LIMITS["float32"]


def raced(gpu: Engine) -> tuple[str, bool]:
    """A GAN against a diffusion model, both to their end."""
    sides = (Recipe("faces", "heads-64", {"count": 2}), Recipe("denoise", "heads-ddpm-64"))
    *_, last = race(gpu, Race(sides))
    seconds = ", ".join(f"{spent:.3f} s" for spent in last.seconds)
    return seconds, min(last.pictures) > 0


def lines(gpu: Engine, cpu: Engine, folder: Path, small: bool) -> Iterator[Line]:
    """All of the table, in its order: first whether it is right, then what it costs."""
    import gpu_speed  # beside this file

    yield from right(gpu, cpu, folder)
    yield "learn new", lambda: learned(gpu)
    yield "Stop", lambda: stop(gpu)
    yield "two visitors", lambda: visitors(gpu)
    if gpu.runtime.device.name.startswith("cuda"):
        yield f"{CAP:.0%} of the memory it took", lambda: capped(gpu, folder, small)
    yield "a race", lambda: raced(gpu)
    yield from gpu_speed.lines(gpu, folder, small, lambda side: picture(folder, side, side))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="small pictures, to try the program")
    parser.add_argument("--seconds", type=float, default=170, help="nothing is begun after these")
    options = parser.parse_args()
    os.environ["GANAPPS_CACHE"] = tempfile.mkdtemp()  # its prices are nobody's
    with tempfile.TemporaryDirectory() as name, small_stable.found(Path(name)):
        rows = small_stable.rows(Path(name))
        try:
            gpu, cpu = (door.start(device, True, rows) for device in (options.device, "cpu"))
        except UserError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"{gpu.device_title}, torch {torch.__version__}\n")
        table = Table(BEGAN + options.seconds)
        for what, work in lines(gpu, cpu, Path(name), options.small):
            table.tried(what, work)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
