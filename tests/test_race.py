"""The race: two recipes on one clock."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from ganapps import __main__ as main
from ganapps import race as races
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.pictures import images, inside
from ganapps.race import Lap, Race, race
from ganapps.recipe import Recipe
from ganapps.tasks import maker

GAN, DIFFUSION = (
    Recipe("faces", "heads-64", {"count": 2}),
    Recipe("denoise", "heads-ddpm-64", {"steps": 3}),
)
BOTH = Race((GAN, DIFFUSION))


def run(engine: Engine, fair: str = "pictures", **settings: object) -> list[Lap]:
    """The laps of a race that count."""
    laps = race(engine, Race((GAN, DIFFUSION.with_settings(**settings)), fair))
    return [lap for lap in laps if not lap.result.waiting]


def never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No side is measured again after the race."""
    monkeypatch.setattr(races, "SHORTEST_REPEAT", 0)
    monkeypatch.setattr(races, "LONGEST_REPEAT", 0)


def test_equal_pictures_ends_when_both_have_made_what_they_were_asked_for(engine) -> None:
    laps = run(engine)
    assert laps[-1].pictures == (2, 1) and laps[-1].calls == (2, 3)
    assert {lap.side for lap in laps[:3]} == {0, 1}, "they take turns"


def test_a_quick_side_is_measured_again_until_its_median_holds_and_no_clock_counts_it(
    engine, monkeypatch
) -> None:
    monkeypatch.setattr(races, "LONGEST_REPEAT", 60)
    monkeypatch.setattr(races, "SHORTEST_REPEAT", 60)
    monkeypatch.setattr(races, "_holds", lambda rounds: len(rounds) == 7)
    laps = list(race(engine, BOTH))
    last, seen = laps[-1], [lap for lap in laps if lap.result.made]
    assert [len(rounds) for rounds in last.rounds] == [7, 7]
    assert last.each(0) == median(last.rounds[0]) and last.each(1) == median(last.rounds[1])
    assert last.seconds == seen[-1].seconds and last.pictures == (2, 1) and last.calls == (2, 3)
    assert not last.result.made and not last.result.waiting
    told = races.report(BOTH, last, [None, None])
    assert told["rounds"] == [7, 7] and told["seconds_per_picture"] == [last.each(0), last.each(1)]


def test_who_waits_for_the_device_gets_it_before_a_side_is_measured_again(
    engine, monkeypatch
) -> None:
    monkeypatch.setattr(races, "LONGEST_REPEAT", 60)
    monkeypatch.setattr(races, "SHORTEST_REPEAT", 60)
    wanted = iter([False, True, True])  # by somebody else, from the second look on
    monkeypatch.setattr(engine.worker, "wanted", lambda: next(wanted))
    last = list(race(engine, BOTH))[-1]
    assert [len(rounds) for rounds in last.rounds] == [2, 1]


def test_a_dear_side_is_not_measured_again(engine, monkeypatch) -> None:
    never_again(monkeypatch)
    last = list(race(engine, BOTH))[-1]
    assert max(len(rounds) for rounds in last.rounds) == 1
    assert last.each(1) == last.seconds[1]


@pytest.mark.parametrize(
    ("rounds", "holds"),
    [
        ([1.0, 1.0, 1.0, 1.0], False),
        ([1.0, 1.01, 1.02, 0.99, 1.0], True),
        ([1.0, 1.01, 1.02, 0.99, 1.0, 9.0], True),
        ([1.0, 1.5, 1.2, 0.8, 1.0], False),
    ],
)
def test_a_median_holds_when_the_middle_half_lies_close(rounds: list[float], holds: bool) -> None:
    assert races._holds(rounds) == holds


def test_equal_calls_refills_the_quick_side_with_later_seeds(engine) -> None:
    laps = run(engine, "calls", steps=6)
    assert laps[-1].calls == (6, 6) and laps[-1].pictures == (6, 1)
    seeds = [k.recipe.settings["seed"] for lap in laps if lap.side == 0 for k in lap.result.made]
    assert seeds == [0, 1, 2, 3, 4, 5]


def test_no_side_makes_more_than_is_fair_however_many_come_in_one_step(engine, monkeypatch) -> None:
    monkeypatch.setattr(maker, "GLANCE", 3600)  # all pictures of a round but its first are one step
    laps = list(
        race(engine, Race((GAN.with_settings(count=4), DIFFUSION.with_settings(steps=6)), "calls"))
    )
    assert laps[-1].calls == (6, 6)


def test_equal_seconds_lets_both_spend_as_much(engine) -> None:
    laps = run(engine, "seconds", steps=8)
    gan, diffusion = laps[-1].seconds
    assert laps[-1].pictures[0] >= 2 and gan >= 0.9 * diffusion


def test_each_side_is_charged_only_for_its_own_time(engine) -> None:
    laps = run(engine)
    for side in (0, 1):
        spent = [lap.seconds[side] for lap in laps if lap.side != side]
        mine = [lap.seconds[side] for lap in laps if lap.side == side]
        assert spent == sorted(spent) and set(spent) <= {0.0, *mine}, (
            "the other's laps cost this side nothing"
        )


def test_stop_closes_both_streams(engine) -> None:
    running = race(engine, BOTH)
    next(running)
    running.close()
    assert not engine.worker.device.busy


def test_an_unknown_fairness_and_a_faulty_recipe_are_refused_at_once(engine: Engine) -> None:
    with pytest.raises(UserError, match="fair by luck"):
        next(race(engine, Race((GAN, DIFFUSION), "luck")))
    with pytest.raises(UserError, match="setting stepps is unknown"):
        next(race(engine, Race((GAN, Recipe("denoise", "heads-ddpm-64", {"stepps": 3})))))


def test_a_rehearsal_comes_first_and_no_clock_counts_it(engine: Engine, monkeypatch) -> None:
    never_again(monkeypatch)
    engine.rehearsed.clear()
    laps = list(race(engine, BOTH))
    waiting = [lap for lap in laps if lap.result.waiting]
    assert waiting == laps[: len(waiting)] and len(waiting) >= 4
    assert {lap.seconds for lap in waiting} == {(0.0, 0.0)} and not any(
        lap.result.made for lap in waiting
    )
    assert not [lap for lap in race(engine, BOTH) if lap.result.waiting], (
        "measured once, then known"
    )


def test_a_rehearsal_leaves_no_price(engine: Engine, monkeypatch) -> None:
    never_again(monkeypatch)
    key, noted = "denoise|heads-ddpm-64|CPU|auto", []
    before = engine.ledger.add
    engine.ledger.add = lambda *entry: noted.append(entry)
    try:
        engine.rehearsed.clear()
        run(engine, steps=5)
    finally:
        engine.ledger.add = before
    assert [entry[2] for entry in noted if entry[0] == key] == [5], (
        "the race itself and nothing else"
    )


def test_memory_gives_the_lighter_side_as_many_pictures_as_fit_in_the_other_ones_room(
    engine: Engine,
) -> None:
    lap = run(engine, "memory")[-1]
    gan, diffusion = lap.rehearsed
    room = max(gan.memory, diffusion.memory)
    assert lap.pictures == (
        max(2, (room - gan.weights) // gan.working),
        max(1, (room - diffusion.weights) // diffusion.working),
    )
    assert lap.pictures[0] > 2


def test_a_side_that_is_stopped_leaves_the_clock_to_the_other(engine: Engine) -> None:
    stopped: set[int] = set()
    laps = []
    for lap in race(
        engine, Race((GAN, DIFFUSION.with_settings(steps=6)), "seconds"), stopped=stopped
    ):
        laps.append(lap)
        if lap.calls[1] == 2:
            stopped.add(1)
    assert laps[-1].calls[1] == 2 and laps[-1].pictures[1] == 0, "two of six steps, then no more"
    assert laps[-1].pictures[0] >= 2 and laps[-1].seconds[0] >= laps[-1].seconds[1], (
        "the other went on until it had spent as much"
    )


def test_a_side_that_was_stopped_before_it_began_does_nothing(engine: Engine) -> None:
    assert list(race(engine, BOTH, stopped={0}))[-1].pictures == (0, 1)


def test_a_race_goes_into_a_link_and_a_file_and_back(tmp_path: Path) -> None:
    asked = Race(
        (
            Recipe("faces", "heads-64", {"seed": "Ada & co", "psi": 0.5}),
            Recipe("denoise", "heads-ddpm-64", {"steps": 9}, precision="float32"),
        ),
        "memory",
    )
    assert races.from_link(asked.to_link()) == asked
    assert races.from_json(asked.to_json()) == asked
    (tmp_path / "race.json").write_text(asked.to_json())
    assert races.from_file(tmp_path / "race.json") == asked
    (tmp_path / "report.json").write_text(
        json.dumps({"race": json.loads(asked.to_json()), "seconds": [1, 2]})
    )
    assert races.from_file(tmp_path / "report.json") == asked
    assert races.from_link("?task=faces&checkpoint=heads-64") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["race.json", "RACE.JSON", "race.txt", "race"])
def test_a_race_is_read_in_every_encoding_and_under_every_name(
    tmp_path: Path, encoding: str, name: str
) -> None:
    """Notepad writes a BOM, PowerShell UTF-16, both end lines with CRLF."""
    asked = Race((Recipe("faces", "heads-64", {"seed": "Zoë 猫"}), Recipe("denoise", "d")))
    text = json.dumps(json.loads(asked.to_json()), indent=1, ensure_ascii=False)
    (tmp_path / name).write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert races.from_file(tmp_path / name) == asked
    assert main._asked(tmp_path / name) == asked


def test_a_picture_of_either_side_holds_that_side(engine: Engine, tmp_path: Path) -> None:
    kept = [k for lap in run(engine) for k in lap.result.made]
    paths = [images.keep(k, tmp_path, i) for i, k in enumerate(kept)]
    found = [races.from_file(path) for path in paths]
    assert [
        (r.task, r.settings["seed"], r.settings["count"]) for r in found if isinstance(r, Recipe)
    ] == [(k.recipe.task, k.recipe.settings["seed"], 1) for k in kept]
    assert {r.task for r in found} == {"faces", "denoise"} and inside.from_file(paths[0]) == found[
        0
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"race": "pictures"}',
        '{"race": "pictures", "recipes": []}',
        '{"race": "luck", "recipes": [{}, {}]}',
        '{"race": {"race": 1, "recipes": [1, 2]}}',
    ],
)
def test_a_damaged_race_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "race.json").write_text(text)
    with pytest.raises(UserError):
        races.from_file(tmp_path / "race.json")


def test_a_link_with_one_side_is_refused() -> None:
    with pytest.raises(UserError, match="not two recipes"):
        races.from_link("?race=pictures&gan=task%3Dfaces%26checkpoint%3Dheads-64")


def test_a_race_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^nowhere.json can't be read: No such file or directory.$"):
        races.from_file(tmp_path / "nowhere.json")
