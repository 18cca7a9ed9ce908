"""How quickly points of a face are pulled: steps a second on one thread, as Markdown.

    python benchmarks/drag.py [--models heads-128 heads-64] [--rounds 5]

A step looks where the points are and moves the styles once. Beside it stands the bare network: one
call forward, and one forward and back through the stages that a pull needs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps import engine
from ganapps.device import Device
from ganapps.networks.contracts import StyleGenerator
from ganapps.tasks import careful
from ganapps.tasks.drag import Pull
from ganapps.tasks.maker import Maker
from ganapps.tasks.styles import begun, styled

STEPS = 40
# of the picture: where the pulled point is, and where it shall go, too far to arrive
BEGIN, END = (0.5, 0.55), (0.02, 0.02)


def network_of(model: str) -> StyleGenerator:
    """The network of a row that is here, ready on the processor."""
    runtime = engine.start("cpu", offline=True).runtime
    row = runtime.checkpoint(model, "faces")
    fetching = runtime.located(row, None)
    while True:
        try:
            next(fetching)
        except StopIteration as found:
            return styled(runtime.network(row, found.value).network)


def a_second(begun: Callable[[], Callable[[], object]], rounds: int) -> float:
    """The median of rounds of `STEPS` steps, by the processor's time; `begun` begins a round."""
    rates = []
    for _ in range(rounds):
        step = begun()
        began = time.process_time()
        for _ in range(STEPS):
            step()
        rates.append(STEPS / (time.process_time() - began))
    return statistics.median(rates)


def measured(model: str, rounds: int) -> list[float]:
    """Steps of a pull a second, bare calls forward, and bare calls forward and back."""
    network, device = network_of(model), Device("cpu")
    make = Maker(network, device, None, None, "const")
    ws = begun(make, 9, 0.7, None).ws if not network.label_dim else _labelled(network)
    ends = [share * network.resolution for share in (*BEGIN, *END)]

    def pulled() -> Callable[[], object]:
        pull = Pull(network, device, ws, torch.tensor([ends]), None)

        def step() -> None:
            assert not pull.arrived, "a point that has arrived is no longer pulled"
            pull.step()

        return step

    def forward() -> None:
        with torch.inference_mode():
            network.synthesis(ws)

    bare = Pull(network, device, ws, torch.tensor([ends]), None)

    def back() -> None:
        moving = ws.clone().requires_grad_()
        with careful.bending():
            bare._features(moving).square().mean().backward()

    kinds = (pulled, lambda: forward, lambda: back)
    return [a_second(kind, rounds) for kind in kinds]


def _labelled(network: StyleGenerator) -> torch.Tensor:
    z = torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return network.mapping(z, torch.zeros(1, network.label_dim), psi=0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description="Steps of a pull, a second of one thread.")
    parser.add_argument("--models", nargs="+", default=["heads-128", "heads-64"])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| model | steps of a pull | forward | forward and back |\n|---|---|---|---|")
    for model in chosen.models:
        rates = " | ".join(f"{rate:.0f} a second" for rate in measured(model, chosen.rounds))
        print(f"| {model} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
