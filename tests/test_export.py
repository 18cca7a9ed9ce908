"""Many faces with their labels as files: a folder, a ZIP, shards; what is there is not made again,
what is stopped stays.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps import __main__, export
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.export import exported
from ganapps.pictures import exports
from ganapps.pictures.inside import from_picture
from ganapps.recipe import Recipe
from ganapps.tasks.labels import Labels
from ganapps.workers.here import labels_of


def run(engine: Engine, place: Path, count: int | None = None, **settings: object) -> list[Path]:
    asked = Recipe("export", "heads-64", {"seed": 3, "count": 4, "layout": "folder", **settings})
    results = exported(engine, asked, place, count)
    try:
        while True:
            next(results)
    except StopIteration as end:
        return end.value


def table(place: Path) -> list[dict[str, str]]:
    with (place / "metadata.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_has_a_row_for_each_picture(engine: Engine, tmp_path: Path) -> None:
    run(engine, tmp_path, labels={"age": 60})
    rows = table(tmp_path)
    assert [row["seed"] for row in rows] == ["3", "4", "5", "6"]
    for row in rows:
        with Image.open(tmp_path / row["file_name"]) as picture:
            assert picture.size == (64, 64)
        assert float(row["age"]) == 60
        assert row["glasses"] in ("none", "dark frame", "light frame")
        assert row["hair_colour"].startswith("#") and len(row["hair_colour"]) == 7
        # each picture is the face of its seed
        *_, again = engine.run(from_picture(tmp_path / row["file_name"]))
        with Image.open(tmp_path / row["file_name"]) as picture:
            assert np.array_equal(np.asarray(again.made[0].picture), np.asarray(picture))
    assert next(iter(rows[0])) == "file_name"  # as datasets wants it
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "A network made all of these" in card and "CC0-1.0" in card and "heads-64" in card


def test_it_goes_on_where_it_ended(engine: Engine, tmp_path: Path) -> None:
    asked = Recipe("export", "heads-64", {"seed": 3, "count": 40, "layout": "folder"})
    results = exported(engine, asked, tmp_path)
    first = next(results)
    results.close()  # stopped: what is there stays
    there = table(tmp_path)
    assert len(there) == first.done == 16
    (tmp_path / there[2]["file_name"]).unlink()  # and one is lost
    with (tmp_path / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write("seed-00000")  # a line that was cut
    made = []
    for result in exported(engine, asked, tmp_path):
        made += [kept.recipe.settings["seed"] for kept in result.made]
        assert result.done >= 16 and result.total == 40
        assert result.recipe.settings["count"] == 40
    assert len(made) == 40 - 15
    assert sorted(int(row["seed"]) for row in table(tmp_path)) == list(range(3, 43))
    assert list(exported(engine, asked, tmp_path)) == []  # nothing is missing


def test_another_export_is_not_mixed_in(engine: Engine, tmp_path: Path) -> None:
    run(engine, tmp_path)
    with pytest.raises(UserError, match="holds an export of another model or other settings"):
        run(engine, tmp_path, psi=0.5)
    run(engine, tmp_path, count=5)  # more of the same is no other one
    assert len(table(tmp_path)) == 5


def test_a_zip_holds_the_same(engine: Engine, tmp_path: Path) -> None:
    (path,) = run(engine, tmp_path, layout="zip")
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        names = file.namelist()
        rows = list(csv.DictReader(io.StringIO(file.read("metadata.csv").decode())))
    assert len(names) == len(set(names)) == 4 + 3
    assert {row["file_name"] for row in rows} <= set(names)
    run(engine, tmp_path, layout="zip", count=6)
    with zipfile.ZipFile(path) as file:
        assert len(file.namelist()) == len(set(file.namelist())) == 6 + 3
    assert [p.name for p in tmp_path.iterdir()] == ["pictures.zip"]


def test_a_zip_from_elsewhere_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").write_bytes(b"not a zip")
    with pytest.raises(UserError, match="no export that could be gone on with"):
        run(engine, tmp_path, layout="zip")
    assert (tmp_path / "pictures.zip").read_bytes() == b"not a zip"
    assert len(list(tmp_path.iterdir())) == 1


def test_shards_hold_a_row_beside_each_picture(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PER_SHARD", 3)
    assert len(run(engine, tmp_path, layout="webdataset")) == 2
    files = run(engine, tmp_path, layout="webdataset", count=8)
    assert [path.name for path in files] == [f"shard-{n:06}.tar" for n in range(3)]
    seeds = []
    for path in files:
        with tarfile.open(path) as shard:
            names = shard.getnames()
            assert [name.split(".")[0] for name in names[::2]] == [
                name.split(".")[0] for name in names[1::2]
            ]
            seeds += [int(json.load(shard.extractfile(n))["seed"]) for n in names[1::2]]
    assert seeds == list(range(3, 11))


def test_more_than_a_run_are_several_runs(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "RUN", 3)
    run(engine, tmp_path, count=7)
    assert len(table(tmp_path)) == 7
    assert list(export._runs([1, 2, 3, 4, 7, 8, 2**32 - 1, 0])) == [
        *((1, 3), (4, 1), (7, 2), (2**32 - 1, 1), (0, 1))
    ]


def test_the_report_counts_all_runs_of_it(engine: Engine, tmp_path: Path) -> None:
    asked = Recipe("export", "heads-64", {"seed": 2**32 - 1, "count": 3, "layout": "folder"})
    *_, last = exported(engine, asked, tmp_path)  # behind the last seed 0 comes, in another run
    assert [row["seed"] for row in table(tmp_path)] == [str(2**32 - 1), "0", "1"]
    assert last.report.pictures == 3 and last.report.network_calls >= 2


def test_a_window_exports_at_most_a_thousand(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The setting count is 1001: from 1 to 1000"):
        engine.checked(Recipe("export", "heads-64", {"count": 1001}))
    with pytest.raises(UserError, match="0 pictures can't be exported"):
        run(engine, tmp_path, count=0)


def test_a_row_is_told_in_the_words_that_set_it(engine: Engine) -> None:
    found = labels_of(engine.runtime, engine.models.row("heads-64"), 44)
    assert isinstance(found, Labels)
    chosen = {"age": 33, "hair": "afro", "glasses": "light frame", "hair_colour": "#405060"}
    told = found.told(found.row(np.random.RandomState(0), chosen))
    assert {name: told[name] for name in chosen} == {**chosen, "age": pytest.approx(33, abs=0.1)}
    for row in found.rows[:50]:
        assert found.numbers(found.told(row))  # every value can be set again


def test_the_command_line_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "--model", "heads-64", "--count", "3", "--device", "cpu", "--offline"]
    assert __main__.main([*words, "--labels", '{"beard": 0.8}', "--out", str(tmp_path)]) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert len(table(tmp_path)) == 3
    assert __main__.main([*words, "--labels", "beard", "--out", str(tmp_path)]) == 2
    assert "beard are no labels" in capsys.readouterr().err
