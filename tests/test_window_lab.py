"""The real window in a real Chromium: the Lab as a person uses it."""

from __future__ import annotations

import csv
import io
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ganapps.pictures.inside import from_picture
from ganapps.recipe import Recipe
from tests.window import go, open_tab, unfold

LINE, BIG = "#learn-line", ".lab-panels .lab-big"
# how many places of a canvas are drawn, and in how many colours
INK = """(canvas) => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let i = 0; i < pixels.length; i += 4)
    if (pixels[i + 3]) colours.add(pixels.slice(i, i + 3).join());
  return colours.size;
}"""
# a bar's width, and that of the track before its number
BAR = """(row) => {
  const number = document.createRange();
  number.selectNodeContents(row.lastChild);
  const left = (part) => part.getBoundingClientRect().left;
  const room = left(number) - left(row) - parseFloat(getComputedStyle(row).columnGap);
  return [row.firstChild.getBoundingClientRect().width, room];
}"""
# the page has settled in its new size
IDLE = "new Promise((done) => setTimeout(() => requestIdleCallback(done), 500))"


@pytest.fixture
def lab(page: Page) -> Page:
    """The Lab, opened."""
    open_tab(page, "Lab")
    return page


def shorten(page: Page, steps: int) -> None:
    """A run of so many steps."""
    unfold(page, "learn-more")
    page.get_by_label("Steps (0: by the clock)").fill(str(steps))
    page.get_by_label("Steps (0: by the clock)").press("Tab")


def over(page: Page) -> None:
    expect(page.locator(LINE)).to_contain_text("just as asked", timeout=60_000)
    expect(page.locator("#learn-go")).to_be_visible()
    expect(page.locator("#learn-curves a")).to_be_visible()


def saved(page: Page, place: str) -> bytes:
    address = page.locator(f"#{place} a").first.get_attribute("href")
    return urllib.request.urlopen(page.url.split("?")[0] + str(address)).read()


def test_a_preset_is_one_click_and_two_games_on_one_clock(lab: Page, tmp_path: Any) -> None:
    lab.locator("#learn-preset").get_by_text("Never settles").click()
    over(lab)
    expect(lab.locator("#learn-sentence")).to_contain_text("circle around their rest for ever")
    expect(lab.locator("#learn-sentence")).to_contain_text("R1 5 of 5")
    # beside the failure plays what cured it in the most of five seeds
    assert lab.locator(".lab-panels b").all_inner_texts() == ["minimax of 2014", "R1"]
    expect(lab.locator(".lab-at")).to_have_text("51 / 51", timeout=20_000)
    looks = int(lab.locator(".lab-at").inner_text().split(" / ")[0])
    expect(lab.get_by_role("button", name="Go on")).to_be_visible()
    expect(lab.locator(BIG).first).to_contain_text("from rest")
    assert all(canvas.evaluate(INK) for canvas in lab.locator(".lab-panels canvas").all())
    # the player goes back, and says where it is
    lab.get_by_role("button", name="One look back").click()
    expect(lab.locator(".lab-at")).to_have_text(f"{looks - 1} / {looks}")
    lab.locator(".lab-film").press("Home")
    expect(lab.locator(".lab-at")).to_have_text(f"1 / {looks}")
    # curves have a table, and are saved
    lab.locator("#learn-charts summary").first.click()
    expect(lab.locator("#learn-charts tbody tr").nth(20)).to_be_attached()
    table = list(csv.DictReader(io.StringIO(saved(lab, "learn-curves").decode())))
    assert {row["run"] for row in table} == {"minimax of 2014", "R1"}
    assert float(table[0]["from rest"]) == 1
    # the picture holds the recipe of both
    (tmp_path / "last.png").write_bytes(saved(lab, "learn-saved"))
    recipe = from_picture(tmp_path / "last.png")
    assert recipe.settings["data"] == "dirac"
    assert recipe.settings["against"] == [{"r1": 1.0}]


def test_the_preset_that_is_chosen_already_plays_when_it_is_clicked(lab: Page) -> None:
    """The first one is chosen on a page that was just opened."""
    chosen = lab.locator("#learn-preset").get_by_text("The game of 2014 works")
    chosen.click()
    expect(lab.locator(BIG)).to_contain_text("of 8 modes", timeout=30_000)
    # what a rival would cost is no figure of a game by itself
    expect(lab.locator(".lab-panels .lab-small")).not_to_contain_text("calls a sample")
    lab.locator("#learn-stop").click()
    expect(lab.locator(LINE)).to_contain_text("stopped")


def test_what_is_chosen_in_the_middle_of_a_game_begins_anew(lab: Page) -> None:
    """Of two games in one stage the panels changed twice a second; another preset was not heard."""
    names, chosen = lab.locator(".lab-panels b"), lab.locator("#learn-preset")
    chosen.get_by_text("One hopping mode").click()
    expect(names).to_have_text(["D ten times slower", "D as quick as G"], timeout=30_000)
    lab.locator("#learn-beside").get_by_text("R1", exact=True).click()
    expect(names).to_have_text(["D ten times slower", "D as quick as G", "R1"], timeout=30_000)
    film = lab.locator(".lab-film")
    begun = int(str(film.get_attribute("max")))
    lab.wait_for_function(f"document.querySelector('.lab-film').max > {begun + 3}", timeout=60_000)
    assert names.count() == 3
    lab.locator("[data-do=pause]").dispatch_event("click")
    chosen.get_by_text("Never settles").click()
    over(lab)
    expect(names).to_have_text(["minimax of 2014", "R1"])
    expect(lab.locator("#learn-sentence")).to_contain_text("circle around their rest for ever")


def test_the_link_of_the_game_is_copied(lab: Page) -> None:
    lab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.locator("#learn-copy").click()
    expect(lab.locator("#learn-copy")).to_have_text("✓")
    link = lab.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{lab.url}?task=learn&checkpoint=new&")


def test_a_number_out_of_bounds_is_a_sentence_under_the_button(lab: Page) -> None:
    """Gradio's own was an English one in a corner, in Chinese too."""
    unfold(lab, "learn-more")
    layers = lab.get_by_label("Layers", exact=True)
    layers.fill("9")
    layers.press("Tab")
    said = "The setting “Layers” is 9: from 1 to 4 is accepted."
    expect(lab.locator("#learn-price")).to_contain_text(said)
    lab.locator("#learn-go").click()
    expect(lab.locator("#learn-line .refusal")).to_contain_text(said)
    expect(lab.locator(".toast-body")).to_have_count(0)


def test_on_a_phone_the_first_game_is_in_sight(lab: Page) -> None:
    lab.set_viewport_size({"width": 390, "height": 844})
    lab.evaluate(IDLE)
    lab.locator("#learn-preset").get_by_text("D too good: the gradient dies").click()
    drawn = lab.locator(".lab-panels canvas").first
    expect(drawn).to_be_in_viewport(ratio=0.9, timeout=30_000)
    assert lab.locator("#learn-stop").is_visible(), "while it is played"
    lab.locator("#learn-stop").click()
    expect(lab.locator(LINE)).to_contain_text("stopped")


def test_presets_are_one_place_of_the_keyboard(lab: Page) -> None:
    chosen = lab.locator("#learn-preset input:checked")
    expect(chosen).to_have_value("works")
    chosen.press("ArrowUp")
    expect(chosen).to_have_value("own")
    chosen.press("Tab")
    assert not lab.evaluate("!!document.activeElement.closest('#learn-preset')")


LABELS = """() => {
  const kept = CanvasRenderingContext2D.prototype.fillText, lefts = [], texts = [];
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    lefts.push(x - this.measureText(text).width);
    texts.push(text);
  };
  const runs = [-0.0225, 0.0339].map((gap, step) => [{ step, gap }]);
  const look = { runs: runs[1], names: ["one"] };
  window.ganappsCurves(document.querySelector(".lab-stage"), { rows: runs }, look);
  CanvasRenderingContext2D.prototype.fillText = kept;
  return [Math.min(...lefts), texts];
}"""


def test_a_chart_has_room_for_its_numbers(lab: Page) -> None:
    """One lost its minus at the edge."""
    left, texts = lab.evaluate(LABELS)
    assert left >= 0 and "-0.0225" in texts


def test_beside_a_rival_stand_what_is_covered_and_what_a_sample_costs(lab: Page) -> None:
    settings = {"data": "ring", "steps": 400, "against": [{"learner": "diffusion"}]}
    go(lab, lab.url.split("?")[0] + Recipe("learn", "new", settings).to_link())
    expect(lab.locator(LINE)).to_contain_text("press Learn")
    lab.locator("#learn-go").click()
    over(lab)
    game, rival = lab.locator(".lab-panels .lab-small").all()
    for panel, calls in ((game, 1), (rival, 50)):
        expect(panel).to_contain_text(f"calls a sample: {calls} ·", timeout=20_000)
        expect(panel).to_contain_text("of its loss's moves went up")


def test_what_is_drawn_is_learned_from_and_can_be_held_and_stopped(
    lab: Page, tmp_path: Path
) -> None:
    unfold(lab, "learn-own")
    lab.locator("#learn-data input").click()
    lab.locator("#learn-data").get_by_role("option", name="points that you draw").click()
    expect(lab.locator('#learn-preset input[value="own"]')).to_be_checked()
    pad = lab.locator(".lab-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box
    lab.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    lab.mouse.down()
    lab.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] / 2, steps=20)
    lab.mouse.up()
    typed = lab.locator("#learn-points textarea")
    first = typed.input_value().splitlines()[0].split(",")
    assert float(first[0]) == pytest.approx(-1.1, abs=0.1)
    assert float(first[1]) == pytest.approx(0, abs=0.1)
    lab.locator("#learn-go").click()
    expect(lab.locator(BIG)).to_contain_text("gradient at G", timeout=30_000)
    # a moving stage is never still enough for Playwright's own click on a busy machine
    lab.locator("[data-do=pause]").dispatch_event("click")
    lab.wait_for_timeout(2_500)  # the look under way ends, then nothing is computed
    held = lab.locator(".lab-film").get_attribute("max")
    lab.wait_for_timeout(1_500)
    assert lab.locator(".lab-film").get_attribute("max") == held
    # looks that came after the press are stepped through, then the game goes on by one
    for _ in range(10):
        lab.locator("[data-do=on]").dispatch_event("click")
        lab.wait_for_timeout(1_500)
        if lab.locator(".lab-film").get_attribute("max") != held:
            break
    expect(lab.locator(".lab-film")).not_to_have_attribute("max", str(held), timeout=20_000)
    lab.locator("#learn-stop").click()
    expect(lab.locator(LINE)).to_contain_text("stopped")
    assert saved(lab, "learn-curves").startswith(b"run,step,seconds,")
    # the last view is there, too, with the recipe of the game as far as it came
    (tmp_path / "view.png").write_bytes(saved(lab, "learn-saved"))
    reached = from_picture(tmp_path / "view.png")
    assert reached.task == "learn" and reached.settings["steps"] > 0
    # words that are no point are named
    typed.fill("0.5, up")
    lab.locator("#learn-go").click()
    expect(lab.locator(LINE)).to_contain_text("0.5, up is no point")


def test_pictures_are_a_wall_and_the_generator_is_kept(lab: Page) -> None:
    settings = {"data": "digits", "steps": 4, "width": 8, "noise": 4}
    address = lab.url.split("?")[0]
    go(lab, address + Recipe("learn", "new", settings).to_link())
    expect(lab.locator(LINE)).to_contain_text("press Learn")
    lab.locator("#learn-go").click()
    over(lab)
    lab.wait_for_function(f"({INK})(document.querySelector('.lab-panels canvas')) > 20")
    assert len(saved(lab, "learn-generator")) > 10_000
    # each bar is as long as its number says
    for bar in lab.locator(".lab-probes dd").all():
        drawn, room = bar.evaluate(BAR)
        assert drawn / room == pytest.approx(int(bar.inner_text().split()[0]) / 100, abs=0.02)
    # by pointer and by keyboard, a made picture and the nearest real one
    wall = lab.locator(".lab-panels canvas[tabindex]")
    wall.click(position={"x": 10, "y": 10})
    expect(lab.locator(".lab-closer canvas")).to_have_count(2)
    wall.press("ArrowRight")
    expect(lab.locator(".lab-closer")).to_contain_text("the nearest real one")
    # of the game before nothing stays
    lab.locator("#learn-go").click()
    expect(lab.locator(".lab-closer canvas")).to_have_count(0)
    over(lab)
    lab.locator("#learn-film-go").click()
    expect(lab.locator("#learn-film a")).to_have_count(2, timeout=30_000)
    assert saved(lab, "learn-film")[8:12] == b"WEBP"
    # and what it taught draws in Faces
    lab.locator("#learn-send-faces").click()
    expect(lab.get_by_role("tab", name="Faces")).to_have_attribute("aria-selected", "true")
    expect(lab.locator("#faces-chips, .chips").first).to_contain_text("your file")
    lab.locator("#faces-go").click()
    expect(lab.locator("#faces-line")).to_contain_text("picture", timeout=60_000)


def test_where_attention_looks_is_shown_and_beside_it_who_has_none(lab: Page) -> None:
    settings = {
        "data": "heads",
        "steps": 2,
        "width": 8,
        "attention": True,
        "against": [{"attention": False}],
    }
    go(lab, lab.url.split("?")[0] + Recipe("learn", "new", settings).to_link())
    expect(lab.locator(LINE)).to_contain_text("press Learn")
    lab.locator("#learn-go").click()
    over(lab)
    with_it, without = lab.locator(".lab-panels figure").all()
    expect(with_it).to_contain_text("of the side far", timeout=20_000)
    expect(without).to_contain_text("sees its neighbours only")
    expect(lab.locator(".lab-attends")).to_contain_text("click another place")
    # at once, and for the place that is asked for
    shown = with_it.locator(".lab-closer canvas").first
    expect(with_it.locator(".lab-closer")).to_contain_text("where this place looks")
    expect(without.locator(".lab-closer canvas")).to_have_count(0)
    before = shown.evaluate("(canvas) => canvas.toDataURL()")
    with_it.locator("canvas[tabindex]").press("Shift+ArrowRight")
    expect(with_it.locator(".lab-closer canvas")).to_have_count(2)
    assert shown.evaluate("(canvas) => canvas.toDataURL()") != before


def test_a_text_of_compare_leads_to_its_preset(page: Page) -> None:
    open_tab(page, "Compare")
    page.locator("#compare-why").get_by_text("two numbers that circle for ever").click()
    expect(page.locator("#learn-sentence")).to_contain_text("circle around their rest")
    over(page)
