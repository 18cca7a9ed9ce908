"""The endpoints for programs: the same door as the window, with working defaults."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.ui import common

log = logging.getLogger("ganapps")
Answer = tuple[list[gr.FileData], dict]


def publish(engine: Engine) -> None:
    """Register every endpoint; call it inside the window's Blocks."""
    store = gr.File(visible=False)  # its files are served, and deleted when they are old
    gr.api(_faces(engine, store), api_name="faces", **common.DEVICE)


def _faces(engine: Engine, store: gr.File) -> Callable:
    first = common.here_first(engine, "faces").id

    def faces(seed: str = "0", count: int = 1, psi: float = 0.7, model: str = first, labels: dict | None = None, mix: str = "", mix_from: int = 4,
              mix_to: int = 31, cutoff: int = 0, noise: str = "const", precision: str = "auto") -> Iterator[Answer]:
        """Draw faces from seeds with a GAN. Streams: each answer holds the pictures made so far.

        Args:
            seed: a number, or any text (its SHA-256 is the number); face i has seed + i.
            count: how many faces, 1 to 64.
            psi: variety: 0 is the average face, 1 all the variety there is.
            model: a model of the catalogue, or owner/repo:file@revision of the Hub.
            labels: what to set on a model with labels, such as {"age": 60, "glasses": "dark"}; the rest is drawn by the seed.
            mix: a second seed whose styles take the layers from mix_from to mix_to; empty for none.
            mix_from: first layer of the second seed.
            mix_to: last layer of the second seed.
            cutoff: psi acts in this many first layers only; 0 for all.
            noise: fine detail: const, random (by the seed) or none.
            precision: auto, float32, bfloat16 or float16.

        Returns:
            The PNG files, each with its recipe inside, and {"recipe", "report"}.
        """
        settings = {"seed": common.seed(seed), "count": count, "psi": psi, "labels": labels or None, "mix": mix or None, "mix_from": mix_from, "mix_to": mix_to,
                    "cutoff": cutoff or None, "noise": noise}
        yield from answers(engine, store, Recipe("faces", model, settings, precision))

    faces.__annotations__["return"] = Answer
    return faces


def answers(engine: Engine, store: gr.File, recipe: Recipe) -> Iterator[Answer]:
    """A recipe's results as files and plain values. Raises gr.Error with the sentence of a refusal."""
    with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        files: list[gr.FileData] = []
        try:
            for result in engine.run(recipe):
                files += [gr.FileData(path=store.move_resource_to_block_cache(str(path))) for path in common.keep(result, Path(folder), len(files))]
                yield files, {"recipe": common.plain_recipe(result.recipe), "report": result.report.as_dict()}
        except UserError as e:
            raise gr.Error(str(e)) from e
