"""Many faces with their labels, for others to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from ganapps.device import Device
from ganapps.networks.contracts import FaceGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, numbers_of
from ganapps.tasks.shared import Chosen, Noise, Psi, Seed
from ganapps.tasks.task import Task

AT_ONCE = 16  # pictures in a step

Layout = Literal["folder", "zip", "webdataset"]


def export(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Annotated[
        int,
        Setting(
            1,
            1000,
            label="How many pictures",
            slider=(10, 1000),
            says="how many pictures, of seed, seed + 1, ...",
        ),
    ] = 100,
    layout: Annotated[
        Layout,
        Setting(
            label="As",
            choices=(
                ("a folder with metadata.csv", "folder"),
                ("a ZIP of that folder", "zip"),
                ("WebDataset shards", "webdataset"),
            ),
            says="how the pictures lie: a folder that `datasets` loads, the same as a ZIP, or "
            "WebDataset shards",
        ),
    ] = "zip",
    psi: Psi = 1.0,
    labels: Chosen | None = None,
    noise: Noise = "const",
) -> Iterator[Step]:
    """Faces as the task `faces` draws them, each with its labels in its figures: those that were
    chosen and those that its seed drew. Whoever writes them keeps to `layout`.
    """
    numbers = numbers_of(seed, count)
    make = Maker(network, device, labels_of_model, labels, noise)
    done = 0
    while done < count:
        some = numbers[done : done + AT_ONCE]
        z, rows = make.drawn(some)
        x, changes = make.pictures(make.ws(z, rows, psi, None), some, rows)
        made = []
        for index, picture in enumerate(from_tensor(x, network.value_range)):
            told = {}
            if labels_of_model is not None and rows is not None:
                told = labels_of_model.told(rows[index].cpu().numpy())
            again = {"seed": some[index], "count": 1, "psi": psi, "labels": labels, "noise": noise}
            caption = f"seed {some[index]}"
            made.append(Made(picture, caption, again, task="faces", figures=told))
        done += len(some)
        yield Step(done, count, tuple(made), make.calls(), changes)


EXPORT = Task(
    "export",
    export,
    models="faces",
    work=("count",),
    says="Draw many faces with their labels, as data for others.",
)
