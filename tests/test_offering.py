"""What the page on offering Sidelight says is what is there."""

import re

import pytest
from packaging.requirements import Requirement

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


def test_the_image_installs_what_is_locked_by_version_and_hash() -> None:
    locks = [(ROOT / name).read_text("utf-8") for name in ("requirements.lock", "requirements-torch.lock")]
    entries = [re.split(r" *\\\n *", entry) for lock in locks for entry in re.split(r"\n(?=\S)", lock.strip())]
    assert all(
        hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes) for _, *hashes in entries
    )
    locked = dict(name.split("==") for name, *_ in entries)
    asked = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()]
    for one in map(Requirement, filter(None, [*asked, "authlib"])):
        assert one.specifier.contains(locked[one.name]), f"{one}: run .ci/lock"
    assert (ROOT / "Dockerfile").read_text("utf-8").count("--no-deps --require-hashes") == 2
