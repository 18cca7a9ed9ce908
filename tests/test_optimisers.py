"""What torch imports at a process's first optimiser is loading, and no run's price."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from PIL import Image

from ganapps.engine import Engine
from ganapps.measure.meter import Meter
from ganapps.recipe import Recipe
from ganapps.tasks import careful
from tests.apart import apart

EYES = [[5, 8], [11, 8], [8, 11], [6, 14], [10, 14]]
RUNS: list[tuple[str, str, dict[str, Any]]] = [
    ("learn", "new", {"steps": 2}),
    ("learn", "new", {"steps": 2, "learner": "vae"}),
    ("drag", "heads-64", {"points": [[20, 20, 24, 24]], "steps": 2}),
    ("invert", "heads-64", {"steps": 10, "points": EYES}),
    ("invert", "heads-64", {"steps": 10, "points": EYES, "tuning": 2}),
    ("repair", "deep-image-prior-small", {"steps": 20, "box": [4, 4, 6, 6]}),
    ("repair", "heads-64", {"steps": 20, "box": [24, 24, 6, 6]}),
]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(path)
    return str(path)


@pytest.mark.parametrize(("task", "model", "settings"), RUNS)
def test_it_is_imported_before_the_first_and_costs_a_run_nothing(
    engine: Engine,
    photo: str,
    task: str,
    model: str,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1.5 s that came once in a process made the next price of a short run ten times too high."""
    loaded, paused, optimisers = [], [], []
    pause, begin = Meter.paused, torch.optim.Optimizer.__init__

    @contextmanager
    def watched(meter: Meter) -> Iterator[None]:
        with pause(meter):
            paused.append(not meter._running)
            yield
            paused.pop()

    def imported(name: str) -> None:
        loaded.append((name, any(paused)))

    def begun(optimiser: Any, *given: Any, **named: Any) -> None:
        optimisers.append(list(loaded))
        begin(optimiser, *given, **named)

    monkeypatch.setattr(Meter, "paused", watched)
    monkeypatch.setattr(careful, "import_module", imported)
    monkeypatch.setattr(torch.optim.Optimizer, "__init__", begun)
    pictures = [photo] if task in ("invert", "repair") else []
    list(engine.run(Recipe(task, model, settings), pictures))
    assert optimisers and all(optimisers), "loaded before each of them"
    assert set(loaded) == {("torch._dynamo", True)}


@apart
def test_then_the_first_optimiser_imports_hardly_more() -> None:
    """Without it there are hundreds."""
    assert "torch._dynamo" not in sys.modules
    careful.load_optimisers()
    there = set(sys.modules)
    weight = torch.zeros(3, requires_grad=True)
    optimiser = torch.optim.Adam([weight])
    weight.sum().backward()
    optimiser.step()
    assert "torch._dynamo" in there and len(set(sys.modules) - there) < 5
