"""The compare tab in a real Chromium."""

from __future__ import annotations

import io
import json
import re
import urllib.request
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from ganapps import race as races
from ganapps.learning import presets
from ganapps.pictures.inside import from_file, from_picture
from ganapps.race import Race
from ganapps.recipe import Recipe
from tests.window import open_tab, unfold

TABS = ("compare",)
QUICK = Race(
    (
        Recipe("faces", "heads-64", {"seed": 3, "psi": 0.5}),
        Recipe("denoise", "heads-ddpm-64", {"seed": 3, "steps": 4}),
    )
)


@pytest.fixture
def arena(page: Page) -> Page:
    """The compare tab, with few steps so that a race is quick."""
    open_tab(page, "Compare")
    steps(page, 4)
    # what a link restores is in place, and can't undo what is typed next
    expect(page.locator("#compare-price .price")).not_to_have_text("")
    return page


def steps(page: Page, count: int) -> None:
    box = page.get_by_label("number input for Diffusion steps")
    box.fill(str(count))
    box.press("Tab")


def raced(page: Page) -> Page:
    """Press the button and wait until the clock has stopped."""
    page.locator("#compare-go").click()
    expect(page.locator(".verdict")).to_be_visible(timeout=90_000)
    expect(page.locator("#compare-go")).to_be_visible()
    return page


def figure(page: Page, name: str) -> list[str]:
    """A row of the table of figures."""
    cells = [row.split("\t") for row in page.locator("#compare-figures tr").all_inner_texts()]
    return next(c[1:] for c in cells if c[0] == name)


def fetched(link: Locator) -> bytes:
    return urllib.request.urlopen(link.evaluate("link => link.href")).read()


def test_a_race_shows_both_lanes_and_says_what_happened(arena: Page) -> None:
    raced(arena)
    expect(arena.locator(".verdict")).to_contain_text(
        "the diffusion model took for one picture, the GAN made 1 in"
    )
    expect(arena.locator("#compare-gan-lane .thumbs img")).to_have_count(1)
    expect(arena.locator(".film-strip img")).to_have_count(4)
    expect(arena.locator(".clock output").first).to_contain_text(re.compile(r"0\.\d\d s"))
    assert figure(arena, "Network calls a picture") == ["1", "4"]


def test_the_figures_are_counted_and_measured(arena: Page) -> None:
    raced(arena)
    gan, diffusion = figure(arena, "Operations a picture, counted by torch")
    assert float(gan.removesuffix(" M")) > 100 and float(diffusion.removesuffix(" G")) > 5
    assert figure(arena, "Parameters") == ["2.7 M", "3.7 M"]
    memory = [
        float(m.removesuffix(" MB"))
        for m in figure(arena, "Peak memory of tensors, network included")
    ]
    assert memory[0] > 2.7 * 4 and memory[1] > 3.7 * 4, (
        "each holds at least its own float32 weights"
    )
    assert "Joules" not in arena.locator("#compare-figures").inner_text(), (
        "a processor does not tell"
    )


def test_equal_network_calls_fills_the_gans_lane(arena: Page) -> None:
    arena.get_by_label("equal network calls").check()
    raced(arena)
    expect(arena.locator("#compare-gan-lane .thumbs img")).to_have_count(4)


def test_equal_memory_says_what_it_means_and_draws_as_many(arena: Page) -> None:
    arena.get_by_label("equal memory").check()
    raced(arena)
    said = arena.locator("#compare-sentence .lead").inner_text()
    count = int(re.search(r"hold the GAN's network and (\d+) of its pictures", said)[1])
    assert count > 1
    expect(arena.locator("#compare-gan-lane .thumbs img")).to_have_count(count)


def test_the_film_can_be_stepped_through_afterwards(arena: Page) -> None:
    raced(arena)
    last = arena.locator("img.noise").get_attribute("src")
    scrub = arena.get_by_label("Step through the film")
    scrub.focus()
    scrub.press("Home")
    first = arena.locator("img.noise").get_attribute("src")
    assert first != last and first == arena.locator(".film-strip img").first.get_attribute(
        "data-noise"
    )
    expect(arena.locator(".scrub-row output")).to_have_text("1 / 4")


def test_stop_ends_the_race_keeps_what_is_there_and_tells_its_figures(arena: Page) -> None:
    steps(arena, 250)
    arena.locator("#compare-go").click()
    expect(arena.locator("#compare-diffusion-lane .easel")).to_be_visible(timeout=90_000)
    # a moving stage is never still enough for Playwright's own click on a busy machine
    arena.locator("#compare-stop").dispatch_event("click")
    expect(arena.locator("#compare-go")).to_be_visible()
    expect(arena.locator(".clock")).to_contain_text("stopped")
    spent = arena.locator(".clock output").all_inner_texts()
    arena.wait_for_timeout(1500)
    assert (
        arena.locator(".clock output").all_inner_texts() == spent
        and figure(arena, "Seconds a picture")[1] == "–"
    )


def test_one_side_can_be_stopped_and_the_other_goes_on(arena: Page) -> None:
    steps(arena, 250)
    arena.get_by_label("equal seconds").check()
    arena.locator("#compare-go").click()
    expect(arena.locator("#compare-diffusion-lane .easel")).to_be_visible(timeout=90_000)
    # as above: a click would wait until nothing moves
    arena.locator("#compare-stop-diffusion").dispatch_event("click")
    expect(arena.locator("#compare-go")).to_be_visible(timeout=90_000)
    sides = arena.locator(".clock > div")
    expect(sides.nth(1)).to_contain_text("stopped")
    expect(sides.nth(0)).not_to_contain_text("stopped")
    gan, diffusion = (
        float(s.removesuffix(" s")) for s in arena.locator(".clock output").all_inner_texts()
    )
    calls = int(re.search(r"(\d+) network calls?", sides.nth(1).inner_text())[1])
    assert calls < 250 and gan >= diffusion > 0, "the GAN went on until it had spent as much"
    expect(arena.locator("#compare-stop-gan")).to_be_hidden()


def test_what_one_takes_home_holds_its_recipes(arena: Page, tmp_path: Path) -> None:
    arena.get_by_label("equal network calls").check()
    raced(arena)
    single = tmp_path / "single.png"
    single.write_bytes(fetched(arena.locator("#compare-gan-lane .thumbs a").nth(2)))
    assert from_picture(single).settings["seed"] == 2 and Image.open(single).size == (64, 64)
    film = tmp_path / "film.png"
    film.write_bytes(fetched(arena.get_by_role("link", name="PNG")))
    assert from_picture(film).task == "denoise"
    with zipfile.ZipFile(io.BytesIO(fetched(arena.locator("#compare-archive a")))) as archive:
        archive.extractall(tmp_path)
    asked = races.from_file(tmp_path / "race.json")
    assert asked.fair == "calls" and [r.checkpoint for r in asked.recipes] == [
        "heads-64",
        "heads-ddpm-64",
    ]
    pictures = sorted(p.name for p in tmp_path.glob("heads-*.png"))
    assert len(pictures) == 5 and {from_file(tmp_path / p).task for p in pictures} == {
        "faces",
        "denoise",
    }
    report = json.loads(fetched(arena.locator("#compare-report a")))
    assert (
        report["network_calls"] == [4, 4]
        and report["one_picture"][1]["flops_per_picture"] > 1e9
        and races.from_json(json.dumps(report)) == asked
    )
    unfold(arena, "compare-formats")
    arena.locator("#compare-formats-go").click()
    link = arena.locator("#compare-formats-link a")
    expect(link).to_have_attribute("href", re.compile("zip$"))
    with zipfile.ZipFile(io.BytesIO(fetched(link))) as archive:
        assert len(archive.namelist()) == 5 and all(n.endswith(".jpg") for n in archive.namelist())


def test_a_race_comes_back_from_its_file_and_one_side_from_its_picture(
    arena: Page, tmp_path: Path
) -> None:
    (tmp_path / "race.json").write_text(Race(QUICK.recipes, "memory").to_json())
    arena.locator(".restore").locator("xpath=..").locator("input[type=file]").last.set_input_files(
        tmp_path / "race.json"
    )
    expect(arena.locator("#compare-sentence")).to_contain_text("The settings are back")
    expect(arena.locator("#compare-seed textarea, #compare-seed input").first).to_have_value("3")
    expect(arena.get_by_label("number input for Variety (psi)").last).to_have_value("0.5")
    expect(arena.get_by_label("equal memory")).to_be_checked()


def test_a_link_opens_the_tab_with_both_sides_restored(browser: Browser, url: str) -> None:
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(url + Race(QUICK.recipes, "calls").to_link())
    expect(page.locator("#compare-go")).to_be_visible()
    expect(page.get_by_label("number input for Diffusion steps")).to_have_value("4")
    expect(page.locator("#compare-seed textarea, #compare-seed input").first).to_have_value("3")
    expect(page.get_by_label("equal network calls")).to_be_checked()
    page.context.close()


def test_copy_link_copies_this_race(arena: Page) -> None:
    arena.context.grant_permissions(["clipboard-read", "clipboard-write"])
    arena.locator("#compare-seed textarea, #compare-seed input").first.fill("Ada")
    arena.locator("#compare-copy").click()
    expect(arena.locator("#compare-copy")).to_have_text("✓")
    link = arena.evaluate("navigator.clipboard.readText()")
    assert (
        races.from_link(link.partition("?")[2]).recipes[1].settings["steps"] == 4 and "Ada" in link
    )


def test_a_damaged_link_is_one_sentence(browser: Browser, url: str) -> None:
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(
        url
        + "?race=luck&gan=task%3Dfaces%26checkpoint%3Dheads-64"
        + "&diffusion=task%3Ddenoise%26checkpoint%3Dheads-ddpm-64"
    )
    expect(page.locator("#compare-sentence [role=alert]")).to_contain_text("can't be fair by luck")
    page.context.close()


def choose_a_stranger(page: Page) -> None:
    page.locator("#compare-diffusion input").click()
    page.get_by_role("option", name=re.compile("DDPM CelebA-HQ 256 \\(not here")).click()


def test_a_pair_that_learned_from_other_pictures_says_so_loudly(arena: Page) -> None:
    choose_a_stranger(arena)
    expect(arena.locator("#compare-notice [role=note]")).to_contain_text("Not the same pictures")


def test_a_rival_that_can_not_be_had_is_one_sentence_and_the_pair_that_ships_is_offered(
    arena: Page,
) -> None:
    choose_a_stranger(arena)
    arena.locator("#compare-go").click()
    expect(arena.locator("#compare-sentence [role=alert]")).to_contain_text("can't be reached")
    arena.get_by_role("button", name="Use Heads 64 + Heads 64, diffusion instead").click()
    expect(arena.locator("#compare-diffusion input")).to_have_value("Heads 64, diffusion")
    expect(arena.locator("#compare-notice")).not_to_contain_text("Not the same pictures")
    raced(arena)


def test_both_films_walk_between_the_same_seeds_and_hold_their_recipes(
    arena: Page, tmp_path: Path
) -> None:
    unfold(arena, "compare-more")
    box = arena.get_by_label("number input for Pictures of a film")
    box.fill("4")
    box.press("Tab")
    expect(arena.locator("#compare-film-line")).to_contain_text(re.compile("about|not measured"))
    arena.locator("#compare-film-go").click()
    expect(arena.locator("#compare-diffusion-film .walk")).to_contain_text(
        "of 255 on average", timeout=90_000
    )
    expect(arena.locator("#compare-film-go")).to_be_visible()
    for side, task in (("gan", "walk"), ("diffusion", "drift")):
        path = tmp_path / f"{side}.webp"
        path.write_bytes(fetched(arena.locator(f"#compare-{side}-film a").first))
        asked = from_picture(path)
        assert (
            asked.task,
            asked.settings["seed"],
            asked.settings["to"],
            asked.settings["frames"],
        ) == (task, 0, 1, 4)
        assert Image.open(path).n_frames == 6


def test_a_film_can_be_stopped(arena: Page) -> None:
    steps(arena, 250)
    arena.locator("#compare-film-go").click()
    expect(arena.locator("#compare-film-line")).to_contain_text("of 3000", timeout=60_000)
    arena.locator("#compare-film-stop").click()
    expect(arena.locator("#compare-film-line")).to_contain_text("stopped")
    expect(arena.locator("#compare-film-go")).to_be_visible()


def test_each_claim_is_linked_to_a_figure_of_this_page_or_to_its_paper(arena: Page) -> None:
    raced(arena)
    targets = arena.locator(".why a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    papers = [t for t in targets if t.startswith("https://arxiv.org/abs/")]
    assert len(papers) > 10 and all(
        re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{4,5}", p) for p in papers
    )
    games = {t for t in targets if t.startswith("#lab-")}
    assert games <= {f"#lab-{name}" for name in presets.BY_NAME}
    figures = set(targets) - set(papers) - games
    assert figures >= {"#figure-calls", "#figure-seconds", "#compare-quality", "#compare-films"}
    assert all(arena.locator(target).count() == 1 for target in figures)


def test_the_tab_speaks_chinese(browser: Browser, url: str) -> None:
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(url + QUICK.to_link())
    expect(page.locator("#compare-go")).to_have_text("开始比赛")
    page.locator("#compare-go").click()
    expect(page.locator(".verdict")).to_contain_text("扩散模型画一张图", timeout=90_000)
    for place in (
        "#compare-why",
        "#compare-clock",
        "#compare-fair",
        "#compare-figure",
        "#compare-films",
    ):
        expect(page.locator(place)).to_contain_text(re.compile("[\u4e00-\u9fff]"))
    assert not re.search(
        "[a-z]{3,} [a-z]{3,} [a-z]{3,}",
        page.locator("#compare-figures").inner_text() + page.locator(".verdict").inner_text(),
    )
    page.context.close()


def test_programs_can_race_too(url: str, tmp_path: Path) -> None:
    from gradio_client import Client

    job = Client(url, verbose=False, download_files=tmp_path).submit(
        steps=3, fair="calls", api_name="/compare"
    )
    files, facts = job.result()
    assert facts["network_calls"] == [3, 3] and facts["pictures"] == [3, 1] and len(files) == 4
    assert (
        facts["one_picture"][1]["flops_per_picture"]
        > facts["one_picture"][0]["flops_per_picture"]
        > 0
    )
    assert len(job.outputs()) > 4, "it streams"
    assert {from_file(f).task for f in files} == {"faces", "denoise"} and races.from_json(
        json.dumps({"race": facts["race"]})
    ).fair == "calls"
