"""Races of every kind over tiny models of a person's own: pictures of a text, larger pictures,
other pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.pictures.inside import from_picture
from ganapps.race import Lap, Race, race
from ganapps.recipe import Recipe
from ganapps.ui.parts import pairs
from tests import small_stable
from tests.window import choose, open_tab, served


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over the shipped rows and these."""
    folder = tmp_path_factory.mktemp("own")
    with small_stable.engine(folder) as own:
        yield own


@pytest.fixture(scope="module")
def url(own: Engine) -> Iterator[str]:
    with served(own, ("compare",)) as address:
        yield address


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "small.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (24, 32, 3), np.uint8)).save(path)
    return str(path)


def asked(
    own: Engine, models: tuple[str, str], steps: int, prompt: str = "a cat", fair: str = "pictures"
) -> Race:
    kind = pairs.between(own, models)
    return Race(
        kind.recipes(models, "auto", *pairs.given(kind, 0, prompt, 0.7, 1, steps, "", 0.0, None)),
        fair,
    )


def run(own: Engine, wanted: Race, pictures: tuple[str, ...] = ()) -> list[Lap]:
    return [lap for lap in race(own, wanted, pictures) if not lap.result.waiting]


def test_two_models_of_text_race_with_what_suits_each(own: Engine) -> None:
    laps = run(own, asked(own, ("quick", "slow"), 5))
    assert laps[-1].pictures == (1, 1) and laps[-1].calls == (1, 10), (
        "guidance takes two calls a step"
    )
    made = {lap.side: lap.result.made[0].recipe.settings for lap in laps if lap.result.made}
    assert (
        made[0]["scheduler"],
        made[0]["guidance"],
        made[1]["scheduler"],
        made[1]["guidance"],
    ) == ("euler", 0.0, "dpm++", 7.5)
    assert made[0]["prompt"] == made[1]["prompt"] == "a cat"


def test_operations_with_guidance_are_those_of_counting_every_step(own: Engine) -> None:
    wanted = asked(own, ("quick", "slow"), 6)
    lap = run(own, wanted)[-1]
    for recipe, cost in zip(wanted.recipes, lap.rehearsed):
        *_, counted = own.run(recipe, rehearsal="both")
        assert cost.flops == counted.report.flops > 0


@pytest.mark.parametrize(
    ("models", "size"),
    [
        (("realesr-animevideov3-x4", "enlarger"), (128, 96)),
        (("cartoongan-shinkai", "editor"), (32, 24)),
    ],
)
def test_both_sides_work_on_the_same_upload(
    own: Engine, picture: str, models: tuple[str, str], size: tuple[int, int]
) -> None:
    laps = run(own, asked(own, models, 4), (picture,))
    made = {lap.side: lap.result.made[0] for lap in laps if lap.result.made}
    assert laps[-1].pictures == (1, 1)
    assert {kept.picture.shape[:2] for kept in made.values()} == {size[::-1]}
    assert made[0].recipe.pictures == made[1].recipe.pictures and made[0].recipe.pictures[0][
        "size"
    ] == [32, 24]
    assert all(cost.flops and cost.working for cost in laps[-1].rehearsed)


def test_what_has_no_seed_is_done_when_it_is_through(own: Engine, picture: str) -> None:
    laps = run(own, asked(own, ("cartoongan-shinkai", "editor"), 4, fair="seconds"), (picture,))
    assert laps[-1].pictures == (1, 1), "the same picture once more would tell nothing"


def test_an_upload_that_is_missing_or_not_wanted_is_refused(own: Engine, picture: str) -> None:
    with pytest.raises(UserError, match="takes 1 picture, 0 came"):
        run(own, asked(own, ("cartoongan-shinkai", "editor"), 4))
    with pytest.raises(UserError, match="takes 0 pictures, 1 came"):
        run(own, asked(own, ("quick", "slow"), 4), (picture,))


def test_only_models_of_one_kind_may_race(own: Engine) -> None:
    assert [kind.id for kind in pairs.offered(own)] == ["faces", "text", "upscale", "translate"]
    with pytest.raises(UserError, match="A race between heads-64 and enlarger"):
        pairs.between(own, ("heads-64", "enlarger"))
    with pytest.raises(UserError, match="A race between upscale and translate"):
        pairs.kind_of([Recipe("upscale", "a"), Recipe("translate", "b")])


def test_pictures_of_a_text_in_the_window(page: Page, tmp_path: Path) -> None:
    open_tab(page, "Compare")
    page.get_by_label("Pictures of a text").check()
    expect(page.locator("#compare-prompt")).to_be_visible()
    expect(page.locator("#compare-films")).to_be_hidden()
    choose(page, "compare-gan", "Quick")
    choose(page, "compare-diffusion", "Slow")
    expect(page.get_by_label("number input for Diffusion steps")).to_have_value("6")
    page.locator("#compare-go").click()
    expect(page.locator(".verdict")).to_contain_text(
        "that Slow took for one picture, Quick made 1", timeout=90_000
    )
    expect(page.locator("#compare-diffusion-lane .film-strip img")).to_have_count(6)
    with page.expect_download() as download:
        page.locator("#compare-diffusion-lane").get_by_role("link", name="PNG").click()
    download.value.save_as(tmp_path / "slow.png")
    assert from_picture(tmp_path / "slow.png").settings["steps"] == 6


def test_larger_pictures_in_the_window(page: Page, picture: str) -> None:
    open_tab(page, "Compare")
    page.get_by_label("Larger pictures").check()
    expect(page.locator("#compare-picture")).to_be_visible()
    expect(page.locator("#compare-fair")).to_be_hidden()
    choose(page, "compare-gan", "Real-ESRGAN video v3 (fast)")
    choose(page, "compare-diffusion", "Enlarger")
    expect(page.get_by_label("number input for Diffusion steps")).to_have_value("4")
    page.locator("#compare-go").click()
    expect(page.locator("#compare-sentence [role=alert]")).to_contain_text(
        "There is no picture yet"
    )
    page.locator("#compare-picture input[type=file]").set_input_files(picture)
    expect(page.locator("#compare-picture img")).to_be_visible()
    page.locator("#compare-go").click()
    expect(page.locator(".verdict")).to_contain_text(
        "that Enlarger took for one picture", timeout=90_000
    )
    for side in ("gan", "diffusion"):
        expect(page.locator(f"#compare-{side}-lane .thumbs a img")).to_have_count(1)


def test_the_pair_that_ships_is_offered_where_another_kind_is_not_here(page: Page) -> None:
    open_tab(page, "Compare")
    page.get_by_label("Pictures of a text").check()
    expect(page.locator("#compare-prompt")).to_be_visible()
    page.locator("#compare-go").click()
    expect(page.locator("#compare-sentence [role=alert]")).to_contain_text(
        "can't be reached", timeout=60_000
    )
    page.locator("#compare-instead").click()
    expect(page.locator("#compare-prompt")).to_be_hidden()
    expect(page.locator("#compare-gan input")).to_have_value("Heads 64")
    expect(page.locator("#compare-films")).to_be_visible()


def test_programs_race_with_a_picture(url: str, picture: str) -> None:
    from gradio_client import Client, handle_file

    files, facts = Client(url, verbose=False).predict(
        gan="cartoongan-shinkai",
        diffusion="editor",
        steps=3,
        prompt="a cat",
        picture=handle_file(picture),
        api_name="/compare",
    )
    assert facts["pictures"] == [1, 1] and len(files) == 2
