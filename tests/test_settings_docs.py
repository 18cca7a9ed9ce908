"""docs/settings.md says what the tasks declare, and programs find their arguments where they were
first published. `python -m tests.test_settings_docs`, in the root, writes the page anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganapps.settings import Declared
from ganapps.tasks.table import TASKS
from ganapps.tasks.task import Task
from ganapps.ui import api

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
START = """# Tasks and their settings

Made from what the tasks declare (`python -m tests.test_settings_docs`). A recipe names them as they
stand here; a setting that is left out has the model's own default where its row has one, else the
one of this table. Where it says what 0 or an empty text is for, programs and the window write that
for nothing; a recipe has null there, or leaves it out.
"""
# as first published: programs give arguments by their place
FIRST = {
    "faces": "seed count psi model labels mix mix_from mix_to cutoff noise precision weights turn "
    "right down",
    "upscale": "picture model scale width strength keep_colours tile keep_place precision denoise "
    "weights steps seed noise_level",
    "translate": "picture model labels strength keep_colours keep_place precision weights prompt "
    "steps guidance image_guidance seed",
    "compare": "seed steps fair gan diffusion psi scheduler eta prompt picture gan_steps",
}


class OneModel:
    """An engine with one model, to read signatures from."""

    id = "first"

    @property
    def models(self) -> object:
        return self

    def rows(self, models: str) -> list:
        return [self]

    def here(self, row: object) -> bool:
        return True


ENDPOINTS = api.endpoints(OneModel())


def page() -> str:
    """The whole of docs/settings.md."""
    return START + "".join(line for task in TASKS.values() for line in section(task))


def section(task: Task) -> Iterator[str]:
    yield f"\n## {task.name}\n\n{task.says}"
    if task.inputs:
        yield f" Takes: {', '.join(task.inputs)}."
    if task.name in ENDPOINTS:
        arguments = ", ".join(inspect.signature(ENDPOINTS[task.name]).parameters)
        yield f"\n\nFor programs: `/{task.name}({arguments})`"
    yield "\n\n| setting | accepted | default | what it does |\n|---|---|---|---|\n"
    for name, declared in task.settings.items():
        yield f"| `{name}` | {declared.accepted()} | {default(declared)} | {does(declared)} |\n"


def default(declared: Declared) -> str:
    if declared.default is None:
        return ""
    return f"`{declared.default}`" if declared.default != "" else "empty"


def does(declared: Declared) -> str:
    only = f"of {declared.said.only_for}: " if declared.said.only_for else ""
    return only + declared.said.says


def test_the_page_says_what_the_tasks_declare() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.test_settings_docs"


def test_every_setting_says_what_it_does() -> None:
    silent = [
        f"{task.name}.{name}"
        for task in TASKS.values()
        for name, declared in task.settings.items()
        if not declared.said.says or "|" in declared.said.says
    ]
    assert silent == []


@pytest.mark.parametrize("name", FIRST)
def test_programs_find_every_argument_where_it_was(name: str) -> None:
    first = FIRST[name].split()
    parameters = inspect.signature(ENDPOINTS[name]).parameters
    assert [*parameters][: len(first)] == first
    told = inspect.getdoc(ENDPOINTS[name]) or ""
    assert [argument for argument in parameters if f"    {argument}: " not in told] == []


def test_programs_have_the_defaults_that_were_published() -> None:
    defaults = {
        name: {a: p.default for a, p in inspect.signature(made).parameters.items()}
        for name, made in ENDPOINTS.items()
    }
    faces = defaults["faces"]
    assert (faces["seed"], faces["count"], faces["mix"], faces["cutoff"]) == ("0", 1, "", 0)
    assert (faces["labels"], faces["turn"], faces["noise"]) == (None, 0, "const")
    upscale = defaults["upscale"]
    assert (upscale["scale"], upscale["width"], upscale["tile"]) == (0, 0, 0)
    assert (upscale["denoise"], upscale["steps"], upscale["seed"]) == (None, None, None)
    translate = defaults["translate"]
    assert (translate["prompt"], translate["guidance"], translate["strength"]) == ("", None, 1.0)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
