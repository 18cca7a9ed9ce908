"""What five seeds give of each of the Lab's presets, and how quickly it learns.

    python benchmarks/lab.py [--only NAME ...] [--new]         writes ganapps/learning/measured.json
    python benchmarks/lab.py --table                            prints what is there, as Markdown
    python benchmarks/lab.py --speed [--rounds 5]

A preset counts as measured when all its runs were; those measured before stay in the file. Speed is
that of the task beside a bare loop of the same networks, both in turn on one thread, and the share
of the time that looking takes.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.learning import points
from ganapps.learning.presets import BY_NAME, MEASURED, PRESETS, Preset, Variant
from ganapps.networks.contracts import Network
from ganapps.report import Step
from ganapps.tasks.learn import learn

SPEED_STEPS = 1_000
NOISE, WIDTH, BATCH, RATE = 64, 64, 128, 1e-3


def played(settings: dict[str, Any]) -> Iterator[Step]:
    """A run by itself, without the door."""
    return learn(Network(), Device("cpu"), None, **settings)


def measured(preset: Preset, variant: Variant, seeds: Sequence[int]) -> dict[str, Any]:
    """The last value of the judged number for each seed, its largest on the way, the last values of
    what else is told, and how many runs were well.
    """
    last: list[float | None] = []
    largest: list[float | None] = []
    also: dict[str, list[float | None]] = {name: [] for name in preset.also}
    began = time.process_time()
    for seed in seeds:
        looks = _looks(preset, variant, seed)
        number = preset.judge.number
        values = [look[number] for look in looks if look.get(number) is not None]
        last.append(values[-1] if values else None)
        largest.append(max(values) if values else None)
        for name, values_of_it in also.items():
            values_of_it.append(looks[-1].get(name) if looks else None)
    took = (time.process_time() - began) / len(seeds)
    found = {
        "last": last,
        "largest": largest,
        "well": sum(map(preset.judge.well, last)),
        "of": len(last),
        "seconds": round(took, 1),
    }
    return found | ({"also": also} if also else {})


def _looks(preset: Preset, variant: Variant, seed: int) -> list[dict[str, Any]]:
    """The numbers of every look; none where they left all bounds."""
    try:
        steps = played({**preset.alone(variant), "seed": seed})
        return [step.numbers["runs"][0] for step in steps]
    except UserError:
        return []


def measure(names: Sequence[str], seeds: int, only_new: bool) -> None:
    for name in names:
        preset = BY_NAME[name]
        runs = {}
        for variant in preset.variants:
            before = _known()["presets"].get(name, {"runs": {}})["runs"].get(variant.name)
            if only_new and before:
                runs[variant.name] = before
                continue
            runs[variant.name] = measured(preset, variant, range(seeds))
            print(name, variant.name, json.dumps(runs[variant.name]), flush=True)
        _write(preset, runs)


def _write(preset: Preset, runs: dict[str, Any]) -> None:
    """Put one preset into the file, beside those measured before."""
    known = _known()
    known["torch"] = torch.__version__
    known["machine"] = platform.machine()
    known["presets"][preset.name] = {
        "number": preset.judge.number,
        "low": preset.judge.low if preset.judge.low > -1e30 else None,
        "high": preset.judge.high if preset.judge.high < 1e30 else None,
        "runs": runs,
    }
    MEASURED.write_text(json.dumps(known, indent=1) + "\n")


def _known() -> dict[str, Any]:
    """What was measured before."""
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {"presets": {}}


def table() -> None:
    known = json.loads(MEASURED.read_text())["presets"]
    print("| preset | run | well | last values | CPU s a run |\n| --- | --- | --- | --- | --- |")
    for preset in PRESETS:
        if preset.name not in known:
            continue
        found = known[preset.name]
        for name, run in found["runs"].items():
            values = ", ".join("-" if v is None else f"{v:.3g}" for v in run["last"])
            print(
                f"| {preset.title} | {name} | {run['well']} of {run['of']} | {found['number']}: "
                f"{values} | {run['seconds']} |"
            )
    _table_of_others(known)


def _table_of_others(known: dict[str, Any]) -> None:
    """What else was told of the runs, where a preset asks for it."""
    for preset in PRESETS:
        if not preset.also or preset.name not in known:
            continue
        print("\n| run |", " | ".join(preset.also), "|\n| --- |" + " --- |" * len(preset.also))
        for name, run in known[preset.name]["runs"].items():
            told = [", ".join(f"{v:.3g}" for v in run["also"][number]) for number in preset.also]
            print(f"| {name} |", " | ".join(told), "|")


def bare(steps: int) -> float:
    """Steps a second of the plainest loop: the same networks, losses, optimiser and data."""
    torch.manual_seed(0)
    data = points.ring()
    generator = _perceptron(NOISE, nn.ReLU())
    critic = nn.Sequential(*_perceptron(2, nn.LeakyReLU(0.2))[:-1], nn.Linear(WIDTH, 1))
    of_generator, of_critic = (
        torch.optim.Adam(network.parameters(), RATE, betas=(0.5, 0.99), fused=True)
        for network in (generator, critic)
    )
    chance = torch.Generator().manual_seed(0)
    began = time.perf_counter()
    for _ in range(steps):
        real = data.sample(BATCH, chance)
        with torch.no_grad():
            made = generator(torch.randn(BATCH, NOISE, generator=chance))
        loss = F.softplus(-critic(real)).mean() + F.softplus(critic(made)).mean()
        of_critic.zero_grad()
        loss.backward()
        of_critic.step()
        critic.requires_grad_(False)
        loss = F.softplus(-critic(generator(torch.randn(BATCH, NOISE, generator=chance)))).mean()
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
        critic.requires_grad_(True)
    return steps / (time.perf_counter() - began)


def _perceptron(into: int, rectifier: nn.Module) -> nn.Sequential:
    layers = [nn.Linear(into, WIDTH), rectifier, nn.Linear(WIDTH, WIDTH), rectifier]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 2))


def of_task(settings: dict[str, Any]) -> tuple[float, float]:
    """Steps a second of the task, and which share of the time it trained, looks and all: from the
    first look, when the networks and the data are there, to the last one before the end.
    """
    steps = played(settings)
    next(steps)
    began = time.perf_counter()
    for step in steps:
        if step.made:
            break
        run, took = step.numbers["runs"][0], time.perf_counter() - began
    return run["step"] / took, run["seconds"] / took


def speed(rounds: int) -> None:
    torch.set_num_threads(1)
    ratios, shares = [], []
    for _ in range(rounds):
        plain = bare(SPEED_STEPS)
        rate, share = of_task({"data": "ring", "steps": SPEED_STEPS})
        ratios.append(rate / plain)
        shares.append(share)
        print(f"bare loop {plain:.0f} steps/s, the task {rate:.0f}: {rate / plain:.2f}", flush=True)
    print(f"ratio {statistics.median(ratios):.2f}, training {statistics.median(shares):.0%}")
    for data in ("digits", "heads"):
        rate, share = of_task({"data": data, "seconds": 8.0})
        print(f"{data}: {32 * rate:.0f} pictures/s, training {share:.0%} of the time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(BY_NAME), choices=list(BY_NAME))
    parser.add_argument(
        "--new", action="store_true", help="leave runs that have counts as they are"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.table:
        table()
    elif options.speed:
        speed(options.rounds)
    else:
        torch.set_num_threads(1)
        measure(options.only, options.seeds, options.new)


if __name__ == "__main__":
    main()
