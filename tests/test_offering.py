"""What the page on offering Sidelight says is what is there."""

import re

import pytest

from core.settings import ROOT, SETTINGS


@pytest.mark.parametrize("page", ["offering.md", "offering.zh.md"])
def test_every_setting_is_listed_and_no_other(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    table = re.findall(r"^\| `SIDELIGHT_(\w+)`", text, re.MULTILINE)
    assert sorted(table) == sorted(SETTINGS)
    assert set(re.findall(r"SIDELIGHT_(\w+)", text)) == set(SETTINGS)


def test_the_image_writes_to_its_volume_alone_and_runs_as_nobody() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    said = {line.split()[0]: line for line in lines if line and not line.startswith("#")}
    assert said["USER"] == "USER 1000" and said["VOLUME"] == "VOLUME /data"
    homes = [value for line in lines if line.startswith("ENV") for value in re.findall(r"(?:HOME|RUNS)=(\S+)", line)]
    assert len(homes) == 4 and all(home.startswith("/data") for home in homes)
    assert "_stcore/health" in said["HEALTHCHECK"]
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {".git", "runs", ".streamlit/secrets.toml"} <= set(ignored)
