"""What a result cost: measured, added up, and said; and prices made of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganapps import report
from ganapps.errors import Message
from ganapps.measure import prices
from ganapps.measure.meter import Meter
from ganapps.measure.prices import Ledger, folder
from ganapps.report import Report
from tests.apart import apart


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "under 1 kB"),
        (900, "under 1 kB"),
        (1_000, "1 kB"),
        (40_000, "40 kB"),
        (2_400_000, "2.4 MB"),
        (164_300_000, "164 MB"),
        (2_440_000_000, "2.4 GB"),
        (120e9, "120 GB"),
    ],
)
def test_sizes_for_people(count: float, said: str) -> None:
    assert report.size(count) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.058, "0.06 s"),
        (0.5842, "0.58 s"),
        (1.26, "1.3 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (180, "3 min"),
    ],
)
def test_seconds_for_people(value: float, said: str) -> None:
    assert report.seconds(value) == said


def test_a_report_is_plain_values() -> None:
    values = Report(
        "m",
        "CPU",
        "float32",
        "m.pt",
        seconds=1.23456789,
        changes=(Message("Out of memory: {count} at a time instead.", count=4),),
    ).as_dict()
    assert json.loads(json.dumps(values)) == values
    assert (
        values["seconds"] == 1.2346
        and values["changes"] == ["Out of memory: 4 at a time instead."]
        and values["sha256"] is None
    )


def test_the_stopwatch_runs_only_inside_the_block() -> None:
    meter = Meter("cpu")
    for _ in range(2):
        with meter:
            time.sleep(0.02)
        time.sleep(0.05)
    assert 0.04 <= meter.seconds < 0.09


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux says what a process held at most"
)
@apart
def test_the_gauge_sees_what_is_held_only_for_a_moment() -> None:
    meter = Meter("cpu")
    with meter:
        held = bytearray(b"x") * 60_000_000
        del held
    with meter:
        pass
    assert 50_000_000 < meter.peak_memory < 90_000_000
    small = Meter("cpu")
    with small:
        pass
    assert small.peak_memory < 20_000_000


def test_a_ledger_learns_and_remembers(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "prices.json")
    assert ledger.get("faces|m", 2) == (None, None)
    ledger.add("faces|m", 4.0, 2, 100)
    assert ledger.get("faces|m", 2) == (4.0, 100)
    ledger.add("faces|m", 2.0, 2, 50)
    assert ledger.get("faces|m", 2) == (3.0, 100)
    assert Ledger(tmp_path / "deep" / "prices.json").get("faces|m", 2) == (3.0, 100)


def test_a_price_is_that_of_runs_of_its_size(tmp_path: Path) -> None:
    """A large picture costs more a megapixel than a small one here, and more memory."""
    ledger = Ledger(tmp_path / "prices.json")
    ledger.add("upscale|m", 0.7, 0.1, 50_000_000)
    assert ledger.get("upscale|m", 12)[0] == pytest.approx(84), "the best guess so far"
    assert ledger.get("upscale|m", 12)[1] is None, "and none of the memory"
    ledger.add("upscale|m", 260.0, 12, 3_000_000_000)
    assert ledger.get("upscale|m", 12) == (pytest.approx(260.0), 3_000_000_000)
    assert ledger.get("upscale|m", 0.1) == (pytest.approx(0.7), 50_000_000), "as it was"
    kept = Ledger(tmp_path / "prices.json")
    assert kept.get("upscale|m", 12) == ledger.get("upscale|m", 12)


def test_between_two_sizes_and_beyond_them_the_price_lies_on_their_line(tmp_path: Path) -> None:
    """Ten seconds to begin with, and one for each picture."""
    ledger = Ledger(tmp_path / "prices.json")
    for pictures in (2, 8):
        ledger.add("faces|m", 10.0 + pictures, pictures, 100 + 10 * pictures)
    for pictures in (1, 4, 16, 64):
        seconds, memory = ledger.get("faces|m", pictures)
        assert seconds == pytest.approx(10.0 + pictures)
        assert memory == pytest.approx(100 + 10 * pictures, abs=1)


def test_a_larger_run_never_costs_less_than_a_smaller_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "prices.json")
    ledger.add("faces|m", 9.0, 2, 500)  # it came first, and much had to be loaded
    ledger.add("faces|m", 3.0, 8, 100)
    seconds, memory = ledger.get("faces|m", 32)
    assert seconds == 3.0
    assert memory == 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        '{"a": 3}',
        '{"a": []}',
        '{"a": [1]}',
        '{"a": ["x", 1]}',
        '{"a": [1, "x"]}',
        "[" * 9000,
        "\udcff",
        '{"a": [Infinity, 1]}',
        '{"a": [-1, 1]}',
        '{"a": [1e300, 1]}',
        '{"a": [NaN, 1]}',
        '{"a": [1, -5]}',
        '{"a": [1, 1e300]}',
        '{"a": [true, 1]}',
    ],
)
def test_a_damaged_ledger_is_measured_again(text: str, tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    ledger = Ledger(tmp_path / "prices.json")
    ledger.add("a", 1.0, 1, None)
    assert ledger.get("a") == (1.0, None)


def test_one_wrong_price_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text('{"wrong": [Infinity, 1], "right": [2.5, null]}')
    ledger = Ledger(tmp_path / "prices.json")
    assert ledger.get("wrong") == (None, None)
    assert ledger.get("right") == (2.5, None)


def test_the_file_stays_small_and_keeps_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "LARGEST", 400)
    ledger = Ledger(tmp_path / "prices.json")
    for n in range(40):
        ledger.add(f"a model that somebody typed {n}", 1.0, 1, 1)
        ledger.add("often", 1.0, 1, 1)
    assert (tmp_path / "prices.json").stat().st_size <= 400
    kept = Ledger(tmp_path / "prices.json")
    assert kept.get("often") == (1.0, 1)
    assert kept.get("a model that somebody typed 39") == (1.0, 1)


def test_two_processes_do_not_lose_each_other_s_prices(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    one, other = Ledger(path), Ledger(path)
    one.add("a", 1.0, 1, 10)
    other.add("b", 2.0, 1, 20)
    one.add("c", 3.0, 1, 30)
    kept = Ledger(path)
    assert [kept.get(key) for key in "abc"] == [(1.0, 10), (2.0, 20), (3.0, 30)]
    assert [p.name for p in tmp_path.iterdir() if p.suffix not in (".json", ".lock")] == []


def test_many_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    code = (
        "import sys; from pathlib import Path; from ganapps.measure.prices import Ledger\nfor i in "
        "range(20): Ledger(Path(sys.argv[1])).add(sys.argv[2] + str(i), 1.0, 1, 1)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "xyz"]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    kept = Ledger(path)
    missing = [
        f"{name}{i}" for name in "xyz" for i in range(20) if kept.get(f"{name}{i}")[0] is None
    ]
    assert len(missing) <= 3, "a write that had to wait too long may be lost, no more"


def test_a_ledger_that_cannot_be_written_lasts_as_long_as_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ledger = Ledger(tmp_path / "file" / "prices.json")
    ledger.add("a", 1.0, 1, 5)
    assert ledger.get("a") == (1.0, 5)


def test_where_prices_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAPPS_CACHE", "/here")
    assert folder() == Path("/here")
    monkeypatch.delenv("GANAPPS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert folder() == Path("/there/ganapps")


def test_tf32_is_told_where_it_was_used() -> None:
    told = Report("heads-64", "H100", "float32", "heads-64.safetensors", tf32=True)
    assert told.computed == "H100 float32 (TF32)" and told.as_dict()["tf32"] is True
    plain = Report("heads-64", "CPU", "float32", "heads-64.safetensors")
    assert plain.computed == "CPU float32" and "tf32" not in plain.as_dict()
