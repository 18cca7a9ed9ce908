"""How near the encoder comes to portraits that were held back, in one pass and after some steps of
the task `invert`, beside steps from the average face: python -m ganapps.training.measure_encoder
--data DIR

Everything in one run, so that the times can be compared. Errors are root mean squares in levels of
255, as `invert` tells them; the portraits are taken as they are, not turned.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganapps import engine
from ganapps.device import Device
from ganapps.models import hub
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.contracts import StyleEncoder, StyleGenerator
from ganapps.networks.faces import encoder
from ganapps.tasks.maker import Maker
from ganapps.tasks.search_face import Search
from ganapps.training import data, loop
from ganapps.training.measure import known
from ganapps.workers.here import labels_of

MODEL = "heads-128"
# (begins with the encoder's guess, steps)
WAYS = ((True, 0), (True, 25), (True, 50), (True, 100), (False, 50), (False, 100))


def makers() -> tuple[StyleGenerator, Maker]:
    """The generator that ships, as the app draws with it."""
    app = engine.start("cpu", offline=True)
    row = known(app, MODEL)
    located = hub.here(row)
    assert located is not None, "it ships"
    network = app.runtime.network(row, located).network
    assert isinstance(network, StyleGenerator)
    table = labels_of(app.runtime, row, network.label_dim)
    return network, Maker(network, Device("cpu"), table, None, "const")


def searched(
    network: StyleGenerator, make: Maker, guesser: StyleEncoder | None, wanted: Tensor, steps: int
) -> Tensor:
    """The picture after so many steps of a search, from the encoder's guess where there is one."""
    search = Search(network, make, max(steps, 1), "w+")
    search.aim(wanted)
    if guesser is not None:
        search.guess(guesser, wanted)
    while search.gone < steps:
        search.step()
    return make.pictures(search.ws, [0], None)[0]


def error(x: Tensor, wanted: Tensor) -> float:
    """The root mean square of the difference, in levels of 255."""
    return float((x.clamp(-1, 1) - wanted).square().mean().sqrt()) * 127.5


def shown(rows: Sequence[Sequence[Tensor]], path: Path) -> None:
    """Rows of pictures as one sheet."""
    loop.write_sheet(torch.cat([x for row in rows for x in row]), path, len(rows[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the encoder of heads.")
    parser.add_argument("--data", type=Path, required=True, help="folder of heads128-*.tar")
    parser.add_argument("--file", type=Path, default=WEIGHTS / f"{MODEL}.encoder.safetensors")
    parser.add_argument("--count", type=int, default=24, help="portraits")
    parser.add_argument("--sheet", type=Path, help="where portraits and results are drawn")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    network, make = makers()
    guesser = encoder.build(load_file(chosen.file))
    portraits = data.load(chosen.data, network.resolution, held_back=True).pictures
    picked = portraits[np.linspace(0, len(portraits) - 1, chosen.count).astype(int)]
    wanted = list((torch.from_numpy(picked).permute(0, 3, 1, 2).float() / 127.5 - 1).split(1))
    rows = [wanted]
    for guessed, steps in WAYS:
        began = time.process_time()
        own = guesser if guessed else None
        rows.append([searched(network, make, own, x, steps) for x in wanted])
        seconds = (time.process_time() - began) / len(wanted)
        errors = [error(x, y) for x, y in zip(rows[-1], wanted, strict=True)]
        way = "encoder" if guessed else "average face"
        print(f"{way}, {steps} steps: {np.mean(errors):.1f} of 255, {seconds:.2f} s", flush=True)
    if chosen.sheet:
        shown(rows, chosen.sheet)


if __name__ == "__main__":
    main()
