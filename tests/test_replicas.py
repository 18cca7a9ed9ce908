"""What is decided about replicas on Ray before Ray is asked. Needs no Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganapps.errors import UserError
from ganapps.ui.parts.common import DEVICE
from ganapps.workers import replicas


def test_the_first_two_runs_of_a_model_go_where_it_is_and_more_go_anywhere() -> None:
    under_way = replicas.UnderWay()
    assert not under_way.any()
    assert [under_way.begun("heads-64") for _ in range(4)] == ["heads-64", "heads-64", "", ""]
    assert under_way.begun("spanx4") == "spanx4", "each model counts for itself"
    for _ in range(2):
        under_way.over("heads-64")
    assert under_way.begun("heads-64") == "", "two are still under way"
    for _ in range(2):
        under_way.over("heads-64")
    assert under_way.begun("heads-64") == "heads-64"
    for _ in range(2):
        under_way.over("heads-64")
    assert under_way.any()
    under_way.over("spanx4")
    assert not under_way.any()


def test_the_file_says_what_it_says_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANAPPS_RAY", raising=False)
    told = replicas.options()
    assert set(told) == {"max_ongoing_requests", "ray_actor_options", "autoscaling_config"}
    assert told["max_ongoing_requests"] > 2 * DEVICE["concurrency_limit"], "a race is two runs"
    assert told["ray_actor_options"] == {"num_cpus": 1, "num_gpus": 0}
    scaling = told["autoscaling_config"]
    assert scaling["min_replicas"] == 1 < scaling["max_replicas"]
    assert scaling["target_ongoing_requests"] == replicas.TOGETHER, "or they never spread"
    assert (scaling["upscale_delay_s"], scaling["downscale_delay_s"]) == (10, 600)


def test_another_file_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "mine.toml"
    other.write_text("num_replicas = 3\n")
    monkeypatch.setenv("GANAPPS_RAY", str(other))
    assert replicas.options() == {"num_replicas": 3}
    other.write_text("num_replicas is three")
    with pytest.raises(UserError, match=r"mine\.toml can't be read"):
        replicas.options()
    other.unlink()
    with pytest.raises(UserError, match=r"mine\.toml can't be read"):
        replicas.options()
