"""Is every task right on this GPU, and what does it cost? A table, with the card's name.

    python benchmarks/gpu.py [--device cuda] [--small]

Under three minutes on an H100, start and imports included; nothing is fetched. Every model that is
here makes on the GPU what it makes on the processor: in float32 without TF32 within one level on
average, in the precision that "auto" takes within two. Then Stop, two visitors at once, a cap on
the memory, a race, and the seconds of a run: those charged, those a visitor waits, those of bare
calls of the network. "of peak" is the share of what a large product of matrices reaches here in
the same precision. `--device cpu --small` tries the program itself. Exit status 1: something is
wrong.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["GANAPPS_CACHE"] = tempfile.mkdtemp()  # its prices are nobody's

import numpy as np
import torch
from PIL import Image

from ganapps import engine as door
from ganapps.device import PRECISIONS
from ganapps.engine import Engine, Result
from ganapps.models import hub
from ganapps.race import Race, race
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS

SHORT: dict[str, dict[str, Any]] = {
    "faces": {"count": 3},
    "denoise": {"steps": 4},
    "text": {"steps": 4},
}
MORE = [  # of one model each, beside what every model does
    Recipe("faces", "heads-64", {"count": 2, "noise": "random"}),
    Recipe("strip", "heads-64", {"count": 3}),
    Recipe("loop", "heads-64", {"count": 3, "frames": 3}),
    Recipe("walk", "heads-64", {"frames": 3}),
    Recipe("edit", "heads-64", {"edits": {"pca-1": 1.0}}),
    Recipe("drift", "heads-ddpm-64", {"frames": 3, "steps": 2}),
]
LIMITS = {"float32": 1.0, "auto": 2.0}  # mean levels of 255 that a picture may lie apart
PRODUCT = 8192  # rows of the matrices whose product says what the card can do


class Table:
    """The lines so far, and whether all is right."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def row(self, what: str, found: str, right: bool = True) -> None:
        """One line, at once: whoever waits sees it."""
        if not right:
            self.wrong.append(what)
        print(f"| {what} | {found} | {'' if right else 'WRONG'} |", flush=True)


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
        if gpu.models.here(row):
            recipes.append(Recipe(row.task, row.id, SHORT.get(row.task, {})))
    return recipes + MORE


def right(table: Table, gpu: Engine, cpu: Engine, folder: Path) -> None:
    """Does the GPU make what the processor makes?"""
    small = picture(folder, 48, 40)
    for recipe in everything(gpu):
        pictures = [small] if TASKS[recipe.task].pictures else []
        what = f"{recipe.task} {recipe.checkpoint}"
        expected = run(cpu, replace(recipe, precision="float32"), pictures)
        for precision, limit in LIMITS.items():
            torch.backends.cudnn.allow_tf32 = precision == "auto"
            try:
                results = run(gpu, replace(recipe, precision=precision), pictures)
            except Exception as error:  # the table goes on, and says so
                table.row(f"{what} {precision}", f"{type(error).__name__}: {error}", False)
                continue
            mean, most = apart(results, expected)
            used = results[-1].report.computed
            table.row(
                f"{what} {precision}", f"{mean:.3f} mean, {most:.0f} most; {used}", mean < limit
            )
    torch.backends.cudnn.allow_tf32 = True


def stop(table: Table, gpu: Engine) -> None:
    """How long a run goes on after Stop."""
    stream = gpu.run(Recipe("denoise", "heads-ddpm-64", {"steps": 900}))
    next(stream)
    began = time.perf_counter()
    stream.close()
    seconds = time.perf_counter() - began
    table.row("Stop", f"{seconds:.2f} s", seconds < 1)


def visitors(table: Table, gpu: Engine) -> None:
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
    table.row("two visitors", f"{together:.2f} s together, {alone:.2f} s in turn", same)


def capped(table: Table, gpu: Engine, folder: Path) -> None:
    """An enlargement where only 3 % of the card's memory may be used."""
    large = picture(folder, 1504, 1000)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.03)
    try:
        results = run(gpu, Recipe("upscale", "realesrgan-x4plus", {"tile": 768}), [large])
        said = "; ".join(str(change) for change in results[-1].report.changes)
        table.row("3 % of the memory", said or "nothing had to be changed")
    except Exception as error:  # as above
        table.row("3 % of the memory", f"{type(error).__name__}: {error}", False)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def raced(table: Table, gpu: Engine) -> None:
    """A GAN against a diffusion model, both to their end."""
    sides = (Recipe("faces", "heads-64", {"count": 2}), Recipe("denoise", "heads-ddpm-64"))
    *_, last = race(gpu, Race(sides))
    seconds = ", ".join(f"{spent:.3f} s" for spent in last.seconds)
    table.row("a race", seconds, min(last.pictures) > 0)


def peak(device: str, precision: str, size: int) -> float:
    """Operations a second that a product of two large matrices reaches."""
    x = torch.randn(size, size, device=device, dtype=PRECISIONS[precision])
    seconds = bare(device, lambda: x @ x)
    return 2 * size**3 / seconds


def bare(device: str, call: Callable[[], object], times: int = 5) -> float:
    """Seconds of a call, the median of some, the device idle before and after."""

    def finish() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    taken = []
    for number in range(times + 2):
        finish()
        began = time.perf_counter()
        call()
        finish()
        if number >= 2:  # the first ones choose kernels
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def speed(table: Table, gpu: Engine, folder: Path, small: bool) -> None:
    """Seconds charged, waited, and of bare calls."""
    side = 96 if small else 1024
    device = gpu.runtime.device.name
    photo = picture(folder, side, side)
    for model in ("spanx4",) if small else ("spanx4", "realesrgan-x4plus"):
        row = gpu.models.row(model)
        found = hub.here(row) if row else None
        assert row is not None and found is not None, "these ship"
        network = gpu.runtime.network(row, found).network
        x = torch.rand(1, 3, side, side, device=device)
        for asked in ("float32", "auto"):
            recipe = Recipe("upscale", model, {"inspect": False}, asked)
            run(gpu, recipe, [photo])
            began = time.perf_counter()
            report = run(gpu, recipe, [photo])[-1].report
            waited = time.perf_counter() - began
            flops = list(gpu.run(recipe, [photo], rehearsal="flops"))[-1].report.flops or 0
            computing = gpu.runtime.device.with_precision(report.precision).computing
            with computing():
                call = bare(device, lambda network=network, x=x: network(x))
            most = peak(device, report.precision, 512 if small else PRODUCT)
            share = flops / report.seconds / most
            found_here = f"{1e3 * report.seconds:.0f} ms charged, {1e3 * waited:.0f} ms waited, "
            found_here += f"{1e3 * call:.0f} ms bare in one piece, {share:.0%} of peak"
            table.row(f"{model} {side} px {report.precision}", found_here)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="small pictures, to try the program")
    options = parser.parse_args()
    began = time.perf_counter()
    gpu, cpu = (door.start(name, offline=True) for name in (options.device, "cpu"))
    table = Table()
    print(f"{gpu.device_title}, torch {torch.__version__}\n")
    print("| what | found | |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        right(table, gpu, cpu, folder)
        stop(table, gpu)
        visitors(table, gpu)
        if options.device.startswith("cuda"):
            capped(table, gpu, folder)
        raced(table, gpu)
        speed(table, gpu, folder, options.small)
    wrong = ", ".join(table.wrong) or "nothing"
    print(f"\nWrong: {wrong}. {time.perf_counter() - began:.0f} s.")
    sys.exit(bool(table.wrong))


if __name__ == "__main__":
    main()
