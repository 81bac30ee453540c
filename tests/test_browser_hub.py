"""A model of the hub in a real browser: windows run again by themselves once it is there."""

from pathlib import Path
from threading import Event

import timm
from playwright.sync_api import expect
from safetensors.torch import save_file

from tests.conftest import PATIENCE, serving
from tests.models.hub import server

NAME = "test_vit"  # 10 x 10 patches, where the bundled model has 16 x 16


def quiet_hub(address: str, home: Path) -> dict[str, str]:
    """A hub that is never asked again because the gate is shut, or the machine busy, for longer than ten seconds."""
    waits = dict.fromkeys(("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"), str(PATIENCE // 1000))
    return {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub"), **waits}


def test_every_window_shows_the_model_once_it_is_there(tab, tmp_path: Path) -> None:
    folder, gate = tmp_path / "hub" / "timm" / "test_vit.r160_in1k", Event()
    folder.mkdir(parents=True)
    save_file(timm.create_model(NAME).state_dict(), folder / "model.safetensors")
    with (
        server(tmp_path / "hub", gate) as (hub, asked),
        serving(**quiet_hub(hub, tmp_path / "home")) as app,
    ):
        first, second = (tab(f"{app}/vision?vision_model={NAME}") for _ in range(2))
        for page in (first, second):
            expect(page.get_by_text("Astronaut: 16 × 16 patches")).to_be_visible()
        first.get_by_role("button", name="Cancel").click()
        expect(first.get_by_role("button", name="Fetch")).to_be_visible()
        expect(first.get_by_text("Until it is on this machine")).to_be_visible()
        gate.set()
        expect(second.get_by_text("Astronaut: 10 × 10 patches")).to_be_visible()
        expect(second.get_by_text("Until it is on this machine")).to_have_count(0)
        expect(first.get_by_text("Astronaut: 16 × 16 patches")).to_be_visible()
        first.get_by_role("button", name="Fetch").click()
        expect(first.get_by_text("Astronaut: 10 × 10 patches")).to_be_visible()
        assert len([path for path in asked if path.endswith(".safetensors")]) <= 2, "once, and what was cancelled"
