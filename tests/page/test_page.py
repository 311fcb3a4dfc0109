"""What a person sees and does in a browser: each view renders, and one filter acts on all of them."""

from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import TOKEN, Visit
from tests.page.rows import LIVE
from tests.support.grid_rows import GRID_UID

GRID = f"batch/{GRID_UID}"
FILTER = "metrics=sharpe_ratio>=0.9&parameters=fast>=15"
PICKED = f"pick={GRID_UID}-2955,{GRID_UID}-700,{GRID_UID}-3200"
VIEWS = {
    "batches": ("", "sma-crossover"),
    "live": (f"batch/{LIVE}/live", "BacktestTimeout"),
    "overview": (f"{GRID}/live", "Where it is"),
    "results": (f"{GRID}/results", "4,000"),
    "heat-map": (f"{GRID}/heat-map?x=fast&y=slow", "Mean of the neighbours"),
    "heat-map-facets": (f"{GRID}/heat-map?x=fast&y=slow&others=median&facet=stop&cell=14.11", "For each stop"),
    "parameters": (f"{GRID}/parameters", "Importance"),
    "backtest": (f"backtest/{GRID_UID}-2955", "Provenance"),
    "compare": (f"compare?{PICKED}", "Growth of one unit"),
    "new": ("new", "Fill in an example"),
    "leaderboard": ("leaderboard", "ended on each day"),
}


def take(visit: Visit, folder: Path | None, name: str) -> None:
    """Keep a picture where a folder for them is named."""
    if folder:
        visit.page.wait_for_timeout(700)
        visit.page.screenshot(path=folder / f"{name}.png", full_page=True)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_renders_without_an_error(visit: Visit, shots: Path | None, name: str) -> None:
    place, shows = VIEWS[name]
    visit.open(place, shows)
    take(visit, shots, name)
    assert visit.page.locator("main").is_visible()
    assert visit.page.locator(".note.bad[role=alert]").count() == 0


@pytest.mark.parametrize(
    ("place", "shows"),
    [
        pytest.param(f"{GRID}/live?", "results meet the filter", id="overview"),
        pytest.param(f"{GRID}/results?", " of 4,000 results", id="results"),
        pytest.param(f"{GRID}/heat-map?", " results; the ring", id="heat map"),
        pytest.param(f"{GRID}/parameters?", " neighbours", id="parameters"),
    ],
)
def test_one_filter_acts_on_every_view_of_a_batch(visit: Visit, place: str, shows: str) -> None:
    visit.open(f"{GRID}/results?{FILTER}", " of 4,000 results")
    kept = visit.page.locator(".chips b").inner_text().split(" of ")[0]
    assert 0 < int(kept.replace(",", "")) < 2000
    visit.open(f"{place}{FILTER}", shows)
    visit.page.get_by_text(f"{kept} ").first.wait_for(timeout=15_000)
    assert "sharpe_ratio ≥ 0.9" in visit.page.locator(".chips").inner_text()


def test_the_filter_goes_along_to_a_backtest_and_to_compare(visit: Visit) -> None:
    visit.open(f"backtest/{GRID_UID}-2955?{FILTER}", "the filter: sharpe_ratio ≥ 0.9, fast ≥ 15")
    visit.open(f"compare?{PICKED}&{FILTER}", "meets it")
    assert visit.page.get_by_text("does not", exact=False).count() > 0


def test_a_slider_changes_the_address_the_rows_and_the_next_view(visit: Visit) -> None:
    visit.open(f"{GRID}/results", "4,000")
    thumb = visit.page.get_by_label("fast: lowest")
    thumb.focus()
    for _ in range(10):
        thumb.press("ArrowRight")
    visit.page.get_by_text("2,000 of 4,000 results").first.wait_for()
    assert "parameters=fast>=15" in visit.page.evaluate("decodeURIComponent(location.hash)")
    visit.page.get_by_role("link", name="Heat map").click()
    visit.page.get_by_text("2,000 results").first.wait_for(timeout=15_000)


def test_the_table_keeps_few_rows_in_the_document_and_follows_keys(visit: Visit) -> None:
    visit.open(f"{GRID}/results", "4,000")
    grid = visit.page.get_by_role("grid")
    grid.evaluate("element => { element.scrollTop = 60000 }")
    visit.page.locator('[aria-rowindex="1880"]').wait_for()
    assert visit.page.locator(".grid .body [role=row]").count() < 100
    visit.page.keyboard.press("j")
    visit.page.keyboard.press("x")
    visit.page.get_by_text("Compare (1)").wait_for()


def test_what_if_counts_before_anything_is_saved_and_asks_for_the_token(visit: Visit, shots: Path | None) -> None:
    visit.open(f"{GRID}/results", "4,000")
    visit.page.get_by_text("What if the criteria were others?").click()
    field = visit.page.get_by_label("At least Sharpe", exact=True)
    field.fill("1.2")
    visit.page.get_by_text("results would pass, now").wait_for()
    take(visit, shots, "what-if")
    visit.page.get_by_text("Save these criteria").click()
    visit.page.get_by_role("dialog", name="Writing needs a token").wait_for()
    take(visit, shots, "token")
    visit.page.get_by_label("Token", exact=True).fill("not-the-token-at-all")
    visit.page.get_by_role("button", name="Use the token").click()
    visit.page.get_by_text("It was refused: the token is not valid").wait_for()
    assert "token" not in visit.page.url
    # The console shows the refused requests.
    visit.errors[:] = [each for each in visit.errors if "401" not in each]


def test_a_config_is_checked_and_started(visit: Visit, shots: Path | None) -> None:
    visit.open("new", "Fill in an example")
    visit.page.evaluate(f"sessionStorage.setItem('backfleet.token', '{TOKEN}')")
    visit.page.get_by_text("Fill in an example").click()
    visit.page.get_by_text("Check it (dry run)").click()
    visit.page.get_by_text("It would run 24 backtests").wait_for(timeout=15_000)
    take(visit, shots, "dry-run")
    visit.page.get_by_role("button", name="Start it").click()
    visit.page.get_by_text("Pending").first.wait_for(timeout=15_000)
    assert "/batch/" in visit.page.url
    visit.page.get_by_role("button", name="Suspend").click()
    visit.page.get_by_text("the operator applies it in its next pass").wait_for(timeout=15_000)


def test_keys_open_help_and_the_table_behind_a_chart(visit: Visit) -> None:
    visit.open(f"{GRID}/heat-map?x=fast&y=slow", "Mean of the neighbours")
    visit.page.keyboard.press("t")
    visit.page.locator("caption", has_text="The numbers of the heat map").wait_for(state="attached")
    visit.page.keyboard.press("?")
    visit.page.get_by_role("dialog", name="Keys").wait_for()
    assert "table=1" in visit.page.url


def test_it_says_since_when_the_api_is_away_and_goes_on(visit: Visit, shots: Path | None) -> None:
    visit.open("", "sma-crossover")
    visit.page.route("**/api/**", lambda route: route.abort())
    visit.page.get_by_text("the API does not answer").wait_for(timeout=15_000)
    take(visit, shots, "away")
    assert visit.page.get_by_text("sma-crossover").is_visible()
    visit.page.unroute("**/api/**")
    visit.page.get_by_text("the API does not answer").wait_for(state="detached", timeout=20_000)
    visit.errors[:] = [each for each in visit.errors if "ERR_FAILED" not in each]


@pytest.mark.parametrize("name", ["batches", "live", "results", "heat-map", "backtest", "compare"])
def test_a_phone_and_the_dark_scroll_in_one_direction_only(
    browser: Any, url: str, shots: Path | None, name: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    visit = Visit(context.new_page(), url)
    visit.watch()
    visit.open(*VIEWS[name])
    take(visit, shots, f"{name}-phone")
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert width <= 390
    assert visit.errors == []


def test_it_works_below_a_path_of_an_ingress(browser: Any, url_below_a_path: str) -> None:
    context = browser.new_context()
    visit = Visit(context.new_page(), url_below_a_path)
    visit.watch()
    visit.open("", "sma-crossover")
    visit.page.get_by_role("link", name="sma-crossover").click()
    visit.page.get_by_text(" of 4,000 results").first.wait_for(timeout=15_000)
    icon = visit.page.evaluate("document.querySelector('.brand img').naturalWidth")
    context.close()
    assert icon > 0
    assert visit.errors == []
    assert visit.elsewhere == []
