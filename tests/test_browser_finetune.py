"""The Fine-tune page as a person uses it: press the button, see the metric rise, come back, take the result away."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import serving


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    """A server whose runs lie in a folder of their own."""
    with serving(SIDELIGHT_RUNS=str(runs)) as found:
        yield found


def percent(page: Page) -> float:
    shown = page.locator("[data-testid=stMetric]", has_text="Accuracy").locator("[data-testid=stMetricValue]").first
    expect(shown).to_have_text(re.compile(r"[\d.]+%"))
    return float(shown.inner_text().rstrip("%"))


def test_the_button_teaches_and_the_metric_rises(tab, address: str) -> None:
    page = tab(f"{address}/finetune")
    method = page.get_by_role("radio", name="Head only").or_(page.get_by_role("button", name="Head only")).first
    method.click()
    page.get_by_text("1,155").wait_for()  # 3 classes of 384 weights and a bias
    page.get_by_role("slider", name="Training pictures of each class").press("Home")  # ten
    start = page.get_by_role("button", name="Start", exact=True)
    start.click()
    page.get_by_text("Head only · finished").wait_for()
    assert percent(page) > 70, "a third is chance"
    before = page.get_by_text(re.compile(r"nearest neighbours on frozen features [\d.]+%")).first
    expect(before).to_be_attached()
    assert page.locator("[data-testid=stException]").count() == 0

    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("link", name="Fine-tune").first.click()
    page.get_by_text("Head only · finished").wait_for()
    page.wait_for_function("new URLSearchParams(location.search).has('run')")
    page.reload()
    page.get_by_text("Head only · finished").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("ZIP")).first.click()
    assert download.value.suggested_filename.endswith(".zip")


def test_a_run_is_paused_gone_on_with_and_cancelled(tab, address: str) -> None:
    page = tab(f"{address}/finetune")
    page.get_by_text("Language: translation").click()
    page.get_by_text("Recipes", exact=True).wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("LoRA · paused").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text(re.compile(r"Step \d+ of")).wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("LoRA · cancelled").wait_for()


def test_the_film_is_played_and_stepped_by_keyboard(tab, address: str, runs: Path, trained_runs: Path) -> None:
    run = next(trained_runs.glob("*-lora-*"))
    shutil.copytree(run, runs / run.name)
    page = tab(f"{address}/finetune?run={run.name}", viewport={"width": 1024, "height": 1000})
    slider = page.get_by_role("slider", name="Frame of the film")
    slider.focus()
    last = int(slider.get_attribute("max"))
    assert last >= 1, "there is something to play"
    picture = page.get_by_role("img", name="Where its attention goes")
    shown = picture.get_attribute("src")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", f"step 0 · frame 1 of {last + 1}")
    assert picture.get_attribute("src") != shown
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("1")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(slider).to_have_value(str(last))
    assert picture.get_attribute("src") == shown
    assert page.locator("[data-testid=stException]").count() == 0
