"""The table of measurements: what ships is sound, what was measured is read back, what is no table
says so.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ganapps import networks
from ganapps.measure import quality
from ganapps.measure.quality import Measured
from ganapps.models import catalog
from ganapps.training import measure

ROW = Measured(
    "heads-64",
    "psi",
    0.7,
    500,
    frechet=236.234,
    precision=0.5,
    recall=0.25,
    diversity=0.9,
    swd64=23.0,
    swd32=17.0,
    swd16=84.0,
)
ETA = replace(ROW, model="heads-ddpm-64", setting="eta", value=1, steps=25, seconds=1.25)


def test_the_shipped_table_is_about_what_ships():
    about, rows = quality.load()
    shipped = {
        row.id
        for row in catalog.load(networks.NAMES, own="").values()
        if row.sources[0].repo is None
    }
    assert (
        rows
        and {row.model for row in rows} <= shipped
        and len({(r.model, r.setting, r.value) for r in rows}) == len(rows)
    )
    for row in rows:
        assert (
            0 <= row.precision <= 1
            and 0 <= row.recall <= 1
            and row.frechet > 0
            and row.pictures >= 100
        )
        assert (row.steps is not None) == (row.setting == "eta")
    assert about["date"] and quality.rows()[0] == {
        k: v for k, v in asdict(rows[0]).items() if v is not None
    }


def test_what_is_written_is_read_back(tmp_path: Path):
    measure.write({"machine": 'two "cores"', "pictures": 3}, [ROW, ETA], tmp_path / "quality.toml")
    about, rows = quality.load(tmp_path / "quality.toml")
    assert about == {"machine": 'two "cores"', "pictures": 3} and rows == (
        replace(ROW, frechet=236.2),
        replace(ETA, frechet=236.2),
    )


def test_a_row_takes_the_place_of_its_setting_and_keeps_the_seconds():
    again = replace(ETA, frechet=1.0, seconds=None)
    assert measure.put([ROW, ETA], again) == [ROW, replace(again, seconds=1.25)]
    assert measure.put([ROW], replace(ROW, value=1)) == [ROW, replace(ROW, value=1)]


@pytest.mark.parametrize(
    "text",
    [
        "rows = [",
        "rows = []",
        "about = {}\nrows = [{ model = 'x', setting = 'psi', value = 1 }]",
        "about = {}\nrows = [{ model = 'x', setting = 'colour', value = 1 }]",
        "about = {}\nrows = [{ model = 'x', setting = 'psi', value = 'much' }]",
        "about = {}\nrows = 5",
        "about = 5\nrows = []",
        "about = {}\nrows = [5]",
        "\udcff",
    ],
)
def test_what_is_no_table_is_refused_by_name(text: str, tmp_path: Path):
    (tmp_path / "quality.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match="quality.toml: not a table of measurements"):
        quality.load(tmp_path / "quality.toml")


def test_no_table_is_an_empty_one(tmp_path: Path):
    assert quality.load(tmp_path / "none.toml") == ({}, ())


@pytest.mark.parametrize("name", ["frechet", "precision", "seconds", "pictures", "steps"])
@pytest.mark.parametrize("number", ["nan", "inf", "-1.0", "1e300"])
def test_a_number_that_nobody_can_have_measured_is_refused(name: str, number: str, tmp_path: Path):
    measure.write({}, [replace(ETA, frechet=2.5)], tmp_path / "quality.toml")
    text = (tmp_path / "quality.toml").read_text()
    changed, times = re.subn(rf"\b{name} = [\d.]+", f"{name} = {number}", text)
    assert times == 1
    (tmp_path / "quality.toml").write_text(changed)
    with pytest.raises(ValueError, match=f"not a table of measurements .heads-ddpm-64: {name}"):
        quality.load(tmp_path / "quality.toml")


def test_a_damaged_table_is_logged_and_the_window_opens_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "quality.toml").write_text("rows = [")
    monkeypatch.setattr(quality.load, "__defaults__", (tmp_path / "quality.toml",))
    assert quality.rows() == []
    assert "quality.toml: not a table of measurements" in caplog.text
