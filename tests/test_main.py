"""Without a window: what run writes, what it refuses, and what doctor finds."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps import __main__, engine, race
from ganapps.errors import Message
from ganapps.measure import doctor
from ganapps.models.hub import Progress
from ganapps.pictures import inside
from ganapps.recipe import Recipe
from ganapps.tasks import maker
from tests.small_generator import Small, pixels, small_engine

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> engine.Engine:
    """The command line over a small generator."""
    small = small_engine(Small(), tmp_path)
    monkeypatch.setattr(engine, "start", lambda device, offline: small)
    return small


def run(tmp_path: Path, asked: Recipe | str, *words: str) -> int:
    (tmp_path / "recipe.json").write_text(asked if isinstance(asked, str) else asked.to_json())
    return __main__.main(
        ["run", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "out"), *words]
    )


def test_run_writes_pictures_and_a_report(
    small: engine.Engine, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, Recipe("faces", "small", {"seed": "Ann", "count": 2})) == 0
    number = 388209518
    names = [f"small-seed-{number}.png", f"small-seed-{number + 1}.png"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.json", *names]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (
        report["files"] == names
        and report["pictures"] == 2
        and report["recipe"]["settings"]["psi"] == 0.7
    )
    said = capsys.readouterr()
    assert (
        said.out.splitlines() == [str(tmp_path / "out" / name) for name in names] and said.err == ""
    )


def test_run_takes_a_picture_that_holds_a_recipe(small: engine.Engine, tmp_path: Path) -> None:
    run(tmp_path, Recipe("strip", "small", {"seed": 3, "count": 2}))
    strip = json.loads((tmp_path / "out" / "report.json").read_text())["files"]
    assert len(strip) == 2
    one = tmp_path / "out" / strip[0]
    assert __main__.main(["run", str(one), "--out", str(tmp_path / "again")]) == 0
    (again,) = (tmp_path / "again").glob("*.png")
    assert inside.from_file(again).settings["psi"] == -0.5
    assert np.array_equal(np.asarray(doctor.Image.open(one)), np.asarray(doctor.Image.open(again)))


def test_run_takes_a_race_and_gives_each_side_a_folder(
    engine: engine.Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr("ganapps.engine.start", lambda device, offline: engine)
    asked = race.Race(
        (
            Recipe("faces", "heads-64", {"seed": 3, "count": 2}),
            Recipe("denoise", "heads-ddpm-64", {"seed": 3, "steps": 2}),
        ),
        "calls",
    )
    assert run(tmp_path, asked.to_json()) == 0
    made = {
        side: sorted(p.name for p in (tmp_path / "out" / side).iterdir()) for side in race.SIDES
    }
    assert (
        "heads-64-seed-3.png" in made["gan"]
        and "heads-64-seed-4.png" in made["gan"]
        and made["diffusion"][0].startswith("heads-ddpm-64-seed-3")
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (
        sorted(report["files"][0]) == [f"gan/{name}" for name in made["gan"]]
        and report["network_calls"][1] >= 2
    )
    assert race.from_file(tmp_path / "out" / "report.json").fair == "calls" and all(
        r["seconds"] > 0 for r in report["reports"]
    )
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "out" / name) for name in (*report["files"][0], *report["files"][1])
    ]
    assert inside.from_file(tmp_path / "out" / "gan" / "heads-64-seed-4.png").settings["seed"] == 4


def test_a_recipe_that_says_race_is_no_race(
    small: engine.Engine, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, Recipe("faces", "small", {"race": 1})) == 2
    assert capsys.readouterr().err.startswith("The setting race is unknown: accepted are ")


def test_a_race_takes_no_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    asked = race.Race((Recipe("faces", "heads-64"), Recipe("denoise", "heads-ddpm-64")))
    assert run(tmp_path, asked.to_json(), "--weights", "mine.pt") == 2
    assert (
        capsys.readouterr().err
        == "A race is run with the models that its recipes name, without --weights.\n"
    )


def test_run_makes_a_film(small: engine.Engine, tmp_path: Path) -> None:
    assert run(tmp_path, Recipe("loop", "small", {"count": 2, "frames": 3})) == 0
    (film,) = (tmp_path / "out").glob("*.webp")
    with doctor.Image.open(film) as frames:
        assert frames.n_frames > 1
    assert inside.from_file(film).task == "loop"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("{}", "This recipe has no valid task."),
        (
            Recipe("faces", "nobody"),
            "The model nobody is not in the catalogue: choose one of the list, or type "
            "owner/repo:file@revision.",
        ),
        (
            Recipe("faces", "small", {"count": 99}),
            "The setting count is 99: from 1 to 64 is accepted.",
        ),
        (
            Recipe("faces", "small", precision="int4"),
            "The precision int4 is unknown: accepted are auto, float32, bfloat16, float16.",
        ),
    ],
)
def test_a_refusal_is_one_sentence_and_status_2(
    small: engine.Engine,
    asked: Recipe | str,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    assert run(tmp_path, asked) == 2
    said = capsys.readouterr()
    assert said.err == sentence + "\n" and said.out == "" and not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(
    small: engine.Engine, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "out").write_text("a file in the way")
    assert run(tmp_path, Recipe("faces", "small")) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'out'} can't be written to: File exists.\n"


def test_pictures_are_handed_on(
    small: engine.Engine, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, Recipe("faces", "small"), "--picture", "a.png", "--picture", "b.png") == 2
    assert capsys.readouterr().err == "The task faces takes 0 pictures, 2 came.\n"


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """A folder with three pictures and what else lies in folders."""
    (tmp_path / "in").mkdir()
    for name in ("cat.png", "dog.JPG", "old photo.webp"):
        Image.new("RGB", (9, 7), "teal").save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return sorted(p for p in (tmp_path / "in").iterdir() if p.suffix != ".txt")


ENLARGE = Recipe("upscale", "spanx4", {"scale": 2})


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_shell_loop_leaves_a_file_for_each_picture(three: list[Path], tmp_path: Path) -> None:
    for path in three:
        assert run(tmp_path, ENLARGE, "--picture", str(path)) == 0
    made = names(tmp_path / "out")
    assert [n.split("-spanx4")[0] for n in made if n.endswith(".png")] == [
        "cat",
        "dog",
        "old-photo",
    ]
    reports = [n for n in made if n.endswith(".json")]
    assert reports == ["report-2.json", "report-3.json", "report.json"]
    told = [json.loads((tmp_path / "out" / n).read_text()) for n in reports]
    listed = sorted(name for report in told for name in report["files"])
    assert listed == [n for n in made if n.endswith(".png")]


def test_a_folder_is_all_its_pictures(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, ENLARGE, "--picture", str(tmp_path / "in")) == 0
    said = capsys.readouterr().out.splitlines()
    assert [Path(line).name.split("-spanx4")[0] for line in said] == ["cat", "dog", "old-photo"]
    (tmp_path / "none").mkdir()
    assert run(tmp_path, ENLARGE, "--picture", str(tmp_path / "none")) == 2
    assert capsys.readouterr().err == f"There is no picture in {tmp_path / 'none'}.\n"


def test_a_picture_that_is_refused_keeps_no_other_from_being_made(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    three[1].write_bytes(b"no picture at all")
    assert run(tmp_path, ENLARGE, "--picture", str(tmp_path / "in")) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2 and said.err.startswith("dog.JPG: ")
    assert said.err.count("\n") == 1


def test_nothing_is_written_over_without_force(three: list[Path], tmp_path: Path) -> None:
    for _ in range(2):
        assert run(tmp_path, ENLARGE, "--picture", str(three[0])) == 0
    made = names(tmp_path / "out")
    assert len(made) == 4 and sum(n.endswith("-2.png") or n == "report-2.json" for n in made) == 2
    assert run(tmp_path, ENLARGE, "--picture", str(three[0]), "--force") == 0
    assert names(tmp_path / "out") == made


def test_a_bug_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Small):
        def synthesis(self, ws, noise="const", generators=None):
            raise ZeroDivisionError

    monkeypatch.setattr(engine, "start", lambda device, offline: small_engine(Broken(), tmp_path))
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, Recipe("faces", "small"))


def test_a_terminal_is_told_how_far_it_is(
    small: engine.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    small.runtime.steps = (Progress(1, 10, Message("Downloading {title}", title="Small")),)
    monkeypatch.setattr(maker, "GLANCE", -1)  # a step for every picture
    run(tmp_path, Recipe("faces", "small", {"count": 2}))
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines == ["", "Downloading Small", "1 of 2", "2 of 2\n"]


def test_a_race_that_cannot_be_opened_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def denied(self: Path, *more: object, **rest: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "race.json").write_text("{}")
    monkeypatch.setattr(Path, "open", denied)
    assert __main__.main(["run", str(tmp_path / "race.json"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "race.json can't be read: Permission denied.\n"


def test_the_real_command_refuses(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ganapps", "run", "nowhere.json", "--out", "x"],
        cwd=tmp_path,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr, done.stdout) == (
        2,
        "nowhere.json can't be read: No such file or directory.\n",
        "",
    )


def test_a_reader_that_leaves_ends_it_without_a_traceback() -> None:
    """As `python -m ganapps doctor | head -1` does."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        told = subprocess.run(
            [sys.executable, "-m", "ganapps", "doctor", "--offline"],
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=nobody,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
    assert (told.returncode, told.stderr) == (141, b"")


@pytest.mark.parametrize("console", ["ascii", "latin-1", "cp932"])
def test_a_console_that_lacks_letters_is_told_all_the_same(tmp_path: Path, console: str) -> None:
    (tmp_path / "r.json").write_text(
        Recipe("faces", "heads-64", {"seed": "种子", "count": 1}).to_json(), encoding="utf-8"
    )
    made = subprocess.run(
        [sys.executable, "-m", "ganapps", "run", "r.json", "--device", "cpu", "--out", "图 片"],
        cwd=tmp_path,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": console, "PYTHONUTF8": "0"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert made.returncode == 0, made.stderr
    (picture,) = (tmp_path / "图 片").glob("*.png")
    said = made.stdout.decode(console)
    assert picture.name in said and b"Traceback" not in made.stderr


def test_a_faulty_catalogue_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "own.toml").write_text('[[checkpoint]]\nid = "mine"\n')
    monkeypatch.setenv("GANAPPS_CATALOG", str(tmp_path / "own.toml"))
    assert __main__.main(["doctor", "--device", "cpu"]) == 2
    assert (
        capsys.readouterr().err
        == "Row mine of the catalogue has no sources: say where its file comes from.\n"
    )


def test_a_chain_that_begins_with_a_diffusion_model_is_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Its last result only shows something, and holds no picture."""
    asked = Recipe("upscale", "spanx4", before=(Recipe("denoise", "heads-ddpm-64", {"steps": 1}),))
    (tmp_path / "chain.json").write_text(asked.to_json())
    assert (
        __main__.main(
            ["run", str(tmp_path / "chain.json"), "--device", "cpu", "--out", str(tmp_path / "out")]
        )
        == 0
    )
    with doctor.Image.open(next((tmp_path / "out").glob("*.png"))) as made:
        assert made.size == (256, 256)


# doctor


@pytest.fixture
def golden(small: engine.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where doctor finds and puts golden values; the small model is here."""
    monkeypatch.setattr(small.models, "here", lambda checkpoint: checkpoint.id == "small")
    path = tmp_path / "golden.json"
    monkeypatch.setattr(doctor.models, "__defaults__", (False, path))
    monkeypatch.setattr(doctor.write_golden, "__defaults__", (path,))
    return path


def findings(capsys: pytest.CaptureFixture, *words: str) -> tuple[int, dict[str, str]]:
    status = __main__.main(["doctor", *words])
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    return status, {row[0]: row[1] for row in rows if row[0] in ("small", "enlarger")}


def test_doctor_compares_with_golden_values(golden: Path, capsys: pytest.CaptureFixture) -> None:
    assert findings(capsys) == (0, {"small": "no golden value", "enlarger": "not here"})
    assert not golden.exists()
    assert findings(capsys, "--update")[0] == 0
    values = json.loads(golden.read_text())
    assert values["small"]["sha256"] == "5" * 64 and len(values["small"]["thumbnail"]) == 192
    status, found = findings(capsys)
    assert status == 0 and found["small"].startswith("ok, ")


@pytest.mark.parametrize(
    ("distance", "status", "word"), [(2, 0, "ok, "), (3, 1, "differs by 3 of 255, ")]
)
def test_doctor_finds_a_model_that_is_not_what_it_was(
    distance: int, status: int, word: str, golden: Path, capsys: pytest.CaptureFixture
) -> None:
    findings(capsys, "--update")
    values = json.loads(golden.read_text())
    values["small"]["thumbnail"][100] += (
        distance if values["small"]["thumbnail"][100] < 128 else -distance
    )
    golden.write_text(json.dumps(values))
    got, found = findings(capsys)
    assert got == status and found["small"].startswith(word)


def test_doctor_does_not_compare_another_file(golden: Path, capsys: pytest.CaptureFixture) -> None:
    golden.write_text(
        json.dumps(
            {
                "small": {"sha256": "6" * 64, "thumbnail": [0] * 192},
                "kept": {"sha256": "", "thumbnail": []},
            }
        )
    )
    assert findings(capsys)[1]["small"] == "no golden value"
    findings(capsys, "--update")
    assert list(json.loads(golden.read_text())) == ["kept", "small"]


@pytest.mark.parametrize("text", ["[]", "5", "{", "[" * 9000, '{"small": 5, "x": NaN}', "\udcff"])
@pytest.mark.parametrize("words", [[], ["--update"]])
def test_golden_values_that_are_none_are_one_sentence(
    text: str, words: list[str], golden: Path, capsys: pytest.CaptureFixture
) -> None:
    golden.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert __main__.main(["doctor", *words]) == 2
    assert (
        capsys.readouterr().err
        == f"{golden} holds no golden values: put the file back as it was, or delete it and write "
        "it anew with doctor --update.\n"
    )


@pytest.mark.parametrize(
    "entry",
    [
        "5",
        "{}",
        '{"sha256": 5, "thumbnail": []}',
        '{"sha256": "SHA", "thumbnail": [1]}',
        '{"sha256": "SHA", "thumbnail": "x"}',
        '{"sha256": "SHA", "thumbnail": %s}' % ([True] * 192),
        '{"sha256": "SHA", "thumbnail": %s}' % ([1e300] * 192),
    ],
)
def test_a_damaged_golden_value_is_told(
    entry: str, golden: Path, capsys: pytest.CaptureFixture
) -> None:
    golden.write_text(f'{{"small": {entry.replace("SHA", "5" * 64).replace("True", "true")}}}')
    assert findings(capsys) == (
        1,
        {
            "small": "its golden value is damaged: write it anew with --update",
            "enlarger": "not here",
        },
    )


def test_a_folder_that_takes_no_golden_values_is_one_sentence(
    golden: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.write_golden, "__defaults__", (golden / "deeper",))
    assert __main__.main(["doctor", "--update"]) == 2
    assert capsys.readouterr().err.endswith("can't be written to: No such file or directory.\n")


def test_doctor_tells_what_a_model_here_refuses(
    golden: Path, small: engine.Engine, capsys: pytest.CaptureFixture
) -> None:
    small.runtime.small = Small(limit=0)
    status, found = findings(capsys)
    assert status == 1 and found["small"].startswith(
        "The device has not enough memory for one picture of this model"
    )


def test_doctor_tells_about_the_machine(
    small: engine.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(small.models), "hub_answers", lambda self: False)
    lines = "\n".join(doctor.machine(small))
    for word in (
        "ganapps 0.",
        "Python 3.",
        "torch 2.",
        "gradio 6.",
        "diffusers ",
        "huggingface_hub ",
        "device: CPU, ",
        os.environ["GANAPPS_CACHE"],
        "not reachable",
    ):
        assert word in lines
    assert "not asked (offline)" in "\n".join(doctor.machine(small, offline=True))


def test_what_ships_is_what_it_was(engine: engine.Engine) -> None:
    found = [f for f in doctor.models(engine) if f.shipped]
    assert found and [f.word[:2] for f in found] == ["ok"] * len(found), [str(f) for f in found]


def test_a_thumbnail_is_means(tmp_path: Path) -> None:
    picture = pixels(
        small_engine(Small(resolution=24), tmp_path).run(Recipe("faces", "small", {"count": 1}))
    )[0]
    assert (
        doctor.thumbnail(doctor.Image.fromarray(picture))
        == tuple(int(v) for v in picture[0, 0]) * 64
    )
