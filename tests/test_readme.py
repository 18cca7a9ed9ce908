"""What the README and the pages behind it say is so: commands, recipe, programs, links, header."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ganapps import networks, recipe
from ganapps.engine import Engine
from ganapps.models import catalog
from ganapps.pictures import inside
from ganapps.tasks.table import TASKS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "weights" / "README.md"])
HEADER = yaml.safe_load(README.split("---\n")[1])
REQUIREMENTS = dict(
    re.match(r"([\w.-]+)(?:\[\w+\])?(.*)", line).groups()
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line[:1].isalpha()
)


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_it_takes_three_minutes_to_read() -> None:
    _, _, body = README.split("---\n", 2)
    assert len(body.split()) <= 1500
    assert body.index("```sh") < body.index("\n## ", body.index("## Start") + 1)


def version(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split("."))


def test_ci_runs_the_second_command() -> None:
    start, test = (b.strip() for b in blocks("sh")[:2])
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == test and start.endswith("&& .venv/bin/python app.py")
    assert start.split(" && .venv/bin/pip")[0] == test.split(" && .venv/bin/pip")[0]


@pytest.mark.parametrize(
    "block", [block for page in PAGES for block in blocks("sh", page.read_text(encoding="utf-8"))]
)
def test_every_command_is_shell(block: str) -> None:
    assert subprocess.run(["bash", "-n"], input=block, text=True, check=False).returncode == 0


def test_the_set_up_asks_apt_where_python_has_no_venv(tmp_path: Path) -> None:
    """With stand-ins for python3 and apt: the first has no venv until the second has run."""
    setup = blocks("sh")[0].split(" && .venv/bin/pip")[0]
    said = tmp_path / "said"
    for name, body in (
        ("python3", f"echo python3 $* >> {said}; [ -e {tmp_path}/venv-is-here ]"),
        (
            "apt-get",
            f'echo apt-get $* >> {said}; [ "$1" = update ] || touch {tmp_path}/venv-is-here',
        ),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", setup],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/bin"},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0
    assert said.read_text().splitlines() == [
        "python3 -m venv .venv",
        "apt-get update",
        "apt-get install -y python3-venv",
        "python3 -m venv .venv",
    ]


def test_the_header_is_a_space_s() -> None:
    assert (
        HEADER["sdk"] == "gradio"
        and (ROOT / HEADER["app_file"]).is_file()
        and version(HEADER["python_version"]) >= (3, 11)
    )
    assert len(HEADER["short_description"]) <= 60 and HEADER["license"] == "mit"
    low, high = re.fullmatch(r">=([\d.]+),<([\d.]+)", REQUIREMENTS["gradio"]).groups()
    assert version(low) <= version(HEADER["sdk_version"]) < version(high)


def test_what_a_space_fetches_when_it_is_built_is_a_row_s_first_source() -> None:
    first = {
        f"{row.sources[0].repo} {row.sources[0].file} {row.sources[0].revision}"
        for row in catalog.load(networks.NAMES, own="").values()
    }
    assert set(HEADER["preload_from_hub"]) <= first
    assert HEADER["suggested_hardware"] == "zero-a10g" and HEADER["startup_duration_timeout"]


def test_every_repository_of_the_catalogue_stands_in_the_header() -> None:
    repos = {
        s.repo
        for row in catalog.load(networks.NAMES, own="").values()
        for s in row.sources
        if s.repo
    }
    assert set(HEADER["models"]) == repos and len(HEADER["models"]) == len(repos)


def test_zerogpu_finds_a_torch() -> None:
    assert REQUIREMENTS["torch"] == ">=2.8,<=2.13.0" and "<" not in REQUIREMENTS["spaces"]


def test_the_recipe_runs(engine: Engine) -> None:
    recipes = [recipe.from_json(block) for block in blocks("json")]
    for asked in recipes:
        engine.checked(asked)
    # of the others, the models are on the Hub
    asked = next(r for r in recipes if r.task == "faces")
    *_, result = engine.run(asked)
    assert result.report.pictures == asked.settings["count"]
    name = re.search(r"pictures/(heads-64-seed-\d+)\.png", README)[1]
    seed = next(kept for kept in engine.run(asked).__next__().made).recipe.settings["seed"]
    assert name == f"heads-64-seed-{seed}"
    assert all(f"`{task}`" in RECIPES for task in TASKS)


def test_the_client_s_program_runs(url: str) -> None:
    program = blocks("python")[0].replace("http://127.0.0.1:7860", url)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".png") == 2 and "heads-128" in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_plain_http_brings_the_pictures(url: str, tmp_path: Path) -> None:
    script = next(b for b in blocks("sh", RECIPES) if "curl" in b).replace(
        "http://127.0.0.1:7860/", url
    )
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)
    made = sorted(tmp_path.glob("*.png"))
    assert [p.name for p in made] == [
        "heads-128-seed-2577753003.png",
        "heads-128-seed-2577753004.png",
    ]
    assert inside.from_file(made[0]).settings["seed"] == 2577753003


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_a_page_names_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link]
    assert [file for file in files if not (page.parent / file).exists()] == []


def test_every_page_is_named_by_the_readme() -> None:
    named = set(re.findall(r"docs/[\w-]+\.md", README + (ROOT / "CONTRIBUTING.md").read_text()))
    assert {str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md")} <= named


def test_the_tree_is_the_tree() -> None:
    tree = next(
        block.lstrip() for block in README.split("```")[1::2] if block.startswith("\napp.py")
    )
    names = re.findall(r"^( *)([\w/.]+)  ", tree, re.MULTILINE)
    missing = [
        name for indent, name in names if not (ROOT / ("ganapps" if indent else "") / name).exists()
    ]
    assert len(names) > 12 and missing == []
    root = ROOT / "ganapps"
    files = {p.name for p in root.glob("*.py")} - {"__init__.py"}
    rooms = {f"{p.parent.name}/" for p in root.glob("*/__init__.py")}
    assert {name for indent, name in names if indent} >= files | rooms
