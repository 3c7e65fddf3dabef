"""The page in a real headless Chromium, opened as a person would: from a file, no network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.page.browser import find_browser, headless_flags
from analysis.page.html import build_page
from analysis.page.literal import literal
from analysis.page.palette import LIGHT
from analysis.page.section import NamedFigure, NamedTable, Section
from analysis.page.tables import contrast
from analysis.rates.curves import compute_rate_distortion
from analysis.rates.figure import draw_rate_distortion
from analysis.report import write_report
from tests.analysis.nasty import ALL_NASTY

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.browser

LIGHT_PAPER = "rgb(255, 255, 255)"
DARK_PAPER = "rgb(20, 23, 28)"


@dataclass
class Opened:
    """A page that is open, and what it did that it must not do."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def wait_until(self, expression: str) -> None:
        """Wait for something to be true; playwright's own way needs eval, which we forbid."""
        for _ in range(600):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"after a minute not yet: {expression}")

    def draw_everything(self) -> None:
        """Scroll to figure after figure, as a reader who waits for each; a busy browser is slow."""
        for number in range(self.page.evaluate("document.querySelectorAll('.plot').length")):
            plot = f"document.querySelectorAll('.plot')[{number}]"
            self.page.evaluate(f"{plot}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
            self.wait_until(f"Boolean({plot}.dataset.drawn)")
        self.wait_until("[...document.querySelectorAll('.plot')].every(plot => plot.dataset.drawn)")
        self.page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome in PATH (set BROWSER_PATH to its program)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=list(headless_flags()))
        yield started
        started.close()


@pytest.fixture(scope="module")
def path(recorded_results, tmp_path_factory) -> Path:
    """A page with every kind of figure; the other recorded studies would only repeat them."""
    results = tmp_path_factory.mktemp("results")
    for name in ("attention_full_c16", "baseline_full_c16", "baseline_quick", "residual_quick"):
        folder = next(recorded_results.glob(f"{name}*"))
        (results / folder.name).symlink_to(folder)
    out = tmp_path_factory.mktemp("report")
    write_report(results, out)
    return out / "report.html"


def open_page(browser: Any, path: Path, width_px: int, scheme: str) -> Opened:
    page = browser.new_page(
        viewport={"width": width_px, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    opened = Opened(page)
    page.on(
        "console",
        # Chromium's remarks on the speed of its own software renderer are not about the page.
        lambda said: (
            None
            if said.type == "log" or "GL Driver" in said.text
            else opened.complaints.append(said.text)
        ),
    )
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(path.as_uri())
    return opened


@pytest.fixture(scope="module")
def wide(browser, path) -> Opened:
    opened = open_page(browser, path, 1280, "light")
    opened.draw_everything()
    return opened


@pytest.fixture(scope="module")
def narrow(browser, path) -> Opened:
    opened = open_page(browser, path, 390, "dark")
    opened.draw_everything()
    return opened


def test_nothing_is_complained_about(wide, narrow):
    assert wide.complaints == []
    assert narrow.complaints == []


def test_nothing_but_the_file_itself_is_asked_for(wide, narrow, path):
    outside = [u for u in wide.requests + narrow.requests if not u.startswith(("data:", "blob:"))]
    assert set(outside) == {path.as_uri()}


def test_every_figure_is_drawn_and_not_empty(wide, path):
    figures = {csv.stem for csv in (path.parent / "figures").glob("*.csv")}
    drawn = wide.page.evaluate(
        """() => [...document.querySelectorAll('.plot')].map(plot => [plot.id,
            plot.querySelectorAll('.main-svg path, .main-svg image, canvas').length,
            plot.querySelector('.main-svg').getBoundingClientRect().width])"""
    )
    assert {name for name, _, _ in drawn} == figures
    assert [name for name, num_marks, width_px in drawn if num_marks < 3 or width_px < 300] == []


def test_a_click_in_the_legend_hides_a_curve_and_another_shows_it(browser, path):
    opened = open_page(browser, path, 1280, "light")
    plot = opened.page.locator("#answer_psnr_rate")
    plot.locator(".main-svg").first.wait_for()
    visible = "document.getElementById('answer_psnr_rate')._fullData.map(t => t.visible)"
    entry = plot.locator(".legend .traces", has_text="attention").locator(".legendtoggle")
    assert set(opened.page.evaluate(visible)) == {True}
    entry.click()
    opened.wait_until(f"{visible}.includes('legendonly')")
    opened.page.wait_for_timeout(500)  # two clicks at once would single the curve out
    entry.click()
    opened.wait_until(f"!{visible}.includes('legendonly')")


def column(opened: Opened, table: str, number: int) -> list[str]:
    rows: list[str] = opened.page.evaluate(
        f"[...document.querySelectorAll('#{table} tbody tr')].map(r => r.cells[{number}].innerText)"
    )
    return rows


def test_a_table_sorts_by_number_both_ways(wide):
    table = wide.page.locator("#promotion_1_verdicts")
    button = table.get_by_role("button", name="val_psnr_db", exact=True)
    button.click()
    rising = [float(text) for text in column(wide, "promotion_1_verdicts", 6)]
    assert rising == sorted(rising)
    button.click()
    assert [float(text) for text in column(wide, "promotion_1_verdicts", 6)] == rising[::-1]


def test_missing_values_stay_last_whichever_way_a_table_is_sorted(wide):
    button = wide.page.locator("#promotion_1_verdicts th button", has_text="shrinkage_db")
    for _ in range(2):
        button.click()
        values = column(wide, "promotion_1_verdicts", 11)
        assert values[-2:] == [""] * 2
        assert "" not in values[:-2]


def test_the_sorted_column_is_told_to_screen_readers(wide):
    wide.page.locator("#bd_1 th button").first.click()
    assert wide.page.locator("#bd_1 th").first.get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("width_px", [1280, 390])
def test_the_page_never_scrolls_sideways(wide, narrow, width_px):
    opened = wide if width_px == 1280 else narrow
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width_px


@pytest.mark.parametrize("width_px", [1280, 390])
def test_no_letters_of_a_figure_are_cut_off_or_tiny(wide, narrow, width_px):
    """Every title, tick and legend stands inside its figure, in letters of 9 px or more."""
    opened = wide if width_px == 1280 else narrow
    bad = opened.page.evaluate(
        """() => [...document.querySelectorAll('.plot')].flatMap(plot => {
            const box = plot.getBoundingClientRect();
            return [...plot.querySelectorAll('.main-svg text')].filter(text => {
                const at = text.getBoundingClientRect();
                if (!at.width || !text.textContent) return false;
                const size = parseFloat(getComputedStyle(text).fontSize);
                return at.left < box.left - 2 || at.right > box.right + 2 ||
                       at.top < box.top - 2 || at.bottom > box.bottom + 2 || size < 9;
            }).map(text => plot.id + ': ' + text.textContent);
        })"""
    )
    assert bad == []


@pytest.mark.parametrize("width_px", [1280, 390])
def test_no_legend_lies_over_data_or_axes(wide, narrow, width_px):
    opened = wide if width_px == 1280 else narrow
    bad = opened.page.evaluate(
        """() => [...document.querySelectorAll('.plot')].flatMap(plot => {
            const legend = plot.querySelector('.legend');
            if (!legend) return [];
            const at = legend.getBoundingClientRect();
            const others = '.plotbg, .bglayer .bg, .xtick text, .ytick text, .xtitle, .gtitle';
            return [...plot.querySelectorAll(others)].filter(other => {
                const box = other.getBoundingClientRect();
                return box.width && box.left < at.right - 1 && box.right > at.left + 1 &&
                       box.top < at.bottom - 1 && box.bottom > at.top + 1;
            }).map(other => plot.id + ': ' + (other.textContent || other.getAttribute('class')));
        })"""
    )
    assert bad == []


def paper(opened: Opened) -> str:
    found: str = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


def figure_paper(opened: Opened) -> str:
    found: str = opened.page.evaluate(
        "getComputedStyle(document.querySelector('#answer_psnr_rate .main-svg')).backgroundColor"
    )
    return found


def test_page_and_figures_follow_the_scheme_of_the_system(wide, narrow):
    assert (paper(wide), figure_paper(wide)) == (LIGHT_PAPER, LIGHT_PAPER)
    assert (paper(narrow), figure_paper(narrow)) == (DARK_PAPER, DARK_PAPER)


def test_the_scheme_can_be_chosen_by_keyboard(browser, path):
    opened = open_page(browser, path, 1280, "light")
    opened.page.locator("#answer_psnr_rate .main-svg").first.wait_for()
    opened.page.locator("#scheme").focus()
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_timeout(300)
    assert (paper(opened), figure_paper(opened)) == (DARK_PAPER, DARK_PAPER)


def test_the_first_screen_has_the_answer_the_figure_and_the_heat_map(browser, path):
    """All three are seen without scrolling, the answer in letters three times as large as text."""
    for width_px in (1280, 1440):
        page = open_page(browser, path, width_px, "light").page
        size_px = page.evaluate(
            "parseFloat(getComputedStyle(document.querySelector('.headline')).fontSize)"
        )
        assert size_px >= 40
        for place in (".facts li", "#answer_psnr_rate", "table.heat"):
            box = page.locator(place).first.bounding_box()
            assert 0 <= box["y"] < 450, place
        page.close()


def test_the_words_and_pictures_need_no_javascript(browser, path):
    page = browser.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    assert page.locator(".headline").inner_text().startswith("Attention is the best")
    assert page.locator("table.heat td").count() == 20
    assert page.locator(".comparison img").count() > 10
    page.close()


def test_classical_codecs_have_their_names_at_their_lines_and_not_in_the_legend(wide):
    plot = "document.getElementById('answer_psnr_rate')"
    labels = wide.page.evaluate(
        f"[...{plot}.querySelectorAll('.annotation')].map(a => a.textContent)"
    )
    legend = wide.page.evaluate(f"{plot}.querySelector('.legend').textContent")
    assert {"JPEG2000", "HEVC intra"} <= set(labels)
    assert "JPEG2000" not in legend
    assert "attention" in legend


@pytest.mark.parametrize("width_px", [1280, 390])
def test_no_two_names_of_lines_lie_over_each_other(wide, narrow, width_px):
    opened = wide if width_px == 1280 else narrow
    bad = opened.page.evaluate(
        """() => [...document.querySelectorAll('.plot[id*="rate"]')].flatMap(plot => {
            const texts = [...plot.querySelectorAll('.annotation-text-g text')];
            const boxes = texts.map(text => text.getBoundingClientRect());
            return boxes.flatMap((one, n) => boxes.slice(n + 1).filter(other =>
                one.left < other.right && one.right > other.left &&
                one.top < other.bottom - 4 && one.bottom - 4 > other.top).map(() => plot.id));
        })"""
    )
    assert bad == []


def test_the_slider_is_moved_by_the_arrow_keys_and_follows_the_chosen_picture(wide):
    first = wide.page.locator(".comparison").first
    slider = first.locator("input[type=range]")
    at = "getComputedStyle(document.querySelector('.slider')).getPropertyValue('--at')"
    assert wide.page.evaluate(at) == "50%"
    slider.focus()
    wide.page.keyboard.press("ArrowRight")
    assert wide.page.evaluate(at) == "51%"
    buttons = first.locator(".decoded button")
    pressed = [buttons.nth(n).get_attribute("aria-pressed") for n in range(buttons.count())]
    other = buttons.nth(pressed.index("false"))
    other.focus()
    wide.page.keyboard.press("Enter")
    assert other.get_attribute("aria-pressed") == "true"
    assert first.locator(".decoded button[aria-pressed=true]").count() == 1
    assert other.get_attribute("aria-label").removeprefix("compare with ") in slider.get_attribute(
        "aria-label"
    )
    shown = first.locator(".slider .under").get_attribute("src")
    assert shown == other.locator("img").get_attribute("src")


def test_toolbars_appear_when_the_mouse_is_over_a_figure(browser, path):
    opened = open_page(browser, path, 1280, "light")
    plot = opened.page.locator("#answer_psnr_rate")
    plot.locator(".main-svg").first.wait_for()
    opened.page.mouse.move(5, 5)
    seen = "getComputedStyle(document.querySelector('#answer_psnr_rate .modebar')).opacity"
    assert opened.page.evaluate(seen) == "0"
    plot.hover(position={"x": 200, "y": 200})
    opened.wait_until(f"{seen} > 0.5")


def test_paper_gets_every_figure_light_and_no_wider_than_a_sheet(browser, path):
    opened = open_page(browser, path, 1280, "dark")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened.wait_until("[...document.querySelectorAll('.plot')].every(plot => plot.dataset.drawn)")
    widest = opened.page.evaluate(
        "Math.max(...[...document.querySelectorAll('.main-svg')].map(s => s.clientWidth))"
    )
    tallest = opened.page.evaluate(
        "Math.max(...[...document.querySelectorAll('.main-svg')].map(s => s.clientHeight))"
    )
    assert widest <= 700
    assert tallest <= 900  # of 1016 px
    assert (paper(opened), figure_paper(opened)) == (LIGHT_PAPER, LIGHT_PAPER)
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    opened.page.wait_for_timeout(300)
    assert (paper(opened), figure_paper(opened)) == (DARK_PAPER, DARK_PAPER)


def test_every_number_of_a_heat_map_is_read_on_its_colour(wide):
    """WCAG 2.1 asks for a contrast of 4.5 of small letters, and 3 of large ones."""
    colours = wide.page.evaluate(
        """() => [...document.querySelectorAll('.heat td[style]')].map(cell => {
            const style = getComputedStyle(cell);
            return [style.color, style.backgroundColor];
        })"""
    )
    assert colours
    for pair in colours:
        one, other = (
            "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])
            for colour in pair
        )
        assert contrast(one, other) >= 4.5


def test_a_link_leads_to_the_numbers_of_each_figure_and_table(wide, path):
    links = wide.page.evaluate("[...document.querySelectorAll('a.csv')].map(a => a.href)")
    files = {file.as_uri() for file in path.parent.glob("*/*.csv")}
    assert set(links) == files


@literal
def draw_nasty(text: str) -> go.Figure:
    figure = go.Figure(layout={"template": LIGHT, "height": 460})
    figure.add_scatter(x=[text, "b"], y=[1, 2], name=text, mode="markers", showlegend=True)
    figure.add_annotation(text=text, x=1, y=1.5, showarrow=False)
    figure.update_yaxes(title=text)
    return figure


def test_figures_show_what_a_user_wrote_as_it_is(browser, tmp_path):
    text = ALL_NASTY
    figure = NamedFigure("odd", text, draw_nasty(text), pd.DataFrame(), title=text)
    (tmp_path / "page.html").write_text(
        build_page("t", "a", [Section("S", "s", (text,), (figure,))]).text, encoding="utf-8"
    )
    opened = open_page(browser, tmp_path / "page.html", 1280, "light")
    opened.draw_everything()
    words = opened.page.evaluate(
        "['.legendtext', '.annotation-text', '.ytitle', '.xtick text', 'h3', '.prose p']"
        ".map(place => document.querySelector(place).textContent)"
    )
    # SVG folds blanks, and an axis may break a long tick over lines.
    assert {"".join(word.split()) for word in words} == {"".join(text.split())}
    assert opened.complaints == []


def test_headings_are_reached_by_the_tab_key(browser, path):
    """The first one by pressing it; the others are links like it, and as reachable."""
    page = open_page(browser, path, 1280, "light").page
    links = page.evaluate("[...document.querySelectorAll('h2 a')].map(a => a.tabIndex)")
    assert links == [0] * page.evaluate("document.querySelectorAll('h2').length")
    for _ in range(len(links) + 6):  # the links of the table of contents come before it
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('h2')?.id") == "answer":
            return
    pytest.fail("the first heading was not reached")


def test_headings_are_in_order_and_sections_have_names(wide):
    headings = wide.page.evaluate("[...document.querySelectorAll('h1, h2')].map(h => h.tagName)")
    assert headings[0] == "H1"
    assert headings.count("H1") == 1
    named = wide.page.evaluate(
        "[...document.querySelectorAll('section')].every("
        "s => document.getElementById(s.getAttribute('aria-labelledby')))"
    )
    assert named


def test_static_pictures_are_whole(browser, recorded, tmp_path):
    from PIL import Image

    from analysis.page.static import SCALE, WIDTH_PX, write_static

    figure = draw_rate_distortion(compute_rate_distortion(recorded))
    figures = [NamedFigure("front", "", figure, pd.DataFrame())]
    program = find_browser()
    assert program is not None
    assert write_static(program, figures, tmp_path) == 2
    with Image.open(tmp_path / "front.png") as picture:
        assert picture.width == WIDTH_PX * SCALE
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50
    assert "JPEG2000" in (tmp_path / "front.svg").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def brief_path(tmp_path_factory) -> Path:
    """A page of one section that is brief on paper, with two figures and two tables."""
    rows = pd.DataFrame({"n": [1]})
    figures = tuple(
        NamedFigure(f"figure_{n}", "", go.Figure(go.Scatter(x=[1, 2], y=[1, 2])), rows)
        for n in (1, 2)
    )
    tables = tuple(NamedTable(f"table_{n}", "", rows) for n in (1, 2))
    section = Section("Search", "search", (), figures, tables, is_brief_on_paper=True)
    path = tmp_path_factory.mktemp("brief") / "page.html"
    path.write_text(build_page("t", "a", [section]).text, encoding="utf-8")
    return path


WIDTHS = (
    "[...document.querySelectorAll('.plot')].map(p => p.querySelector('.main-svg').clientWidth)"
)
PARTS = ("#figure_1", "#figure_2", "#table_1", "#table_2", ".on-paper")


def seen(opened: Opened) -> list[bool]:
    return [opened.page.locator(part).is_visible() for part in PARTS]


def test_paper_has_the_first_figure_and_table_of_a_brief_section_and_says_so(browser, brief_path):
    opened = open_page(browser, brief_path, 1280, "light")
    assert seen(opened) == [True, True, True, True, False]
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    assert seen(opened) == [True, False, True, False, True]
    words = opened.page.locator(".on-paper").inner_text()
    assert words == "This print is brief: the page has 1 more figure and 1 more table here."


def test_after_a_brief_print_every_figure_is_drawn_as_wide_as_the_page(browser, brief_path):
    opened = open_page(browser, brief_path, 1280, "light")
    opened.draw_everything()
    wide_px = opened.page.evaluate(WIDTHS)
    opened.page.pdf()
    opened.page.wait_for_timeout(300)
    assert opened.page.evaluate(WIDTHS) == wide_px
    assert opened.complaints == []
