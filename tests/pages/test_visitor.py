"""Runs belong to who started them: the signed cookie, what a stranger sees, what an operator may do; and the figures
that the server tells an operator."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from core.errors import SidelightError
from core.finetune import worker
from core.finetune.data import dataset
from core.finetune.job import new_run, read_job, set_status, write_json
from core.models import catalogue
from core.ui import server, visitor, work
from core.ui.finetune import live
from tests.finetune.models import data_of, job
from tests.pages.test_finetune import page, said, say
from tests.pages.test_pages import opened

KEY = "a secret of 16 letters"
FROM_HERE = ("127.0.0.1", 50000)


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(live, "ensure_worker", lambda: None)
    return tmp_path / "runs"


def client(base: str = "http://sidelight", **options: object) -> TestClient:
    return TestClient(Starlette(routes=server.routes()), base, **options)


@pytest.fixture
def asked_with(monkeypatch: pytest.MonkeyPatch):
    """Makes the page see a browser with these cookies."""

    def see(cookies: dict[str, str]) -> None:
        monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: cookies))
        st.session_state.pop("owner", None)

    return see


def test_each_browser_gets_a_signed_name_that_no_script_can_read(runs: Path) -> None:
    first, second = client(), client()
    header = first.get("/").headers["set-cookie"].lower()
    assert "httponly" in header and "samesite=lax" in header and "secure" not in header and "path=/;" in header + ";"
    second.get("/")
    assert first.cookies[visitor.COOKIE] != second.cookies[visitor.COOKIE]
    assert "set-cookie" not in first.get("/").headers, "it is kept"
    forged = client(cookies={visitor.COOKIE: "somebody." + "0" * 32})
    assert "set-cookie" in forged.get("/").headers
    assert "secure" in client().get("/", headers={"x-forwarded-proto": "https"}).headers["set-cookie"].lower()
    assert (runs / ".salt").stat().st_mode & 0o077 == 0


def test_an_owner_is_a_hash_of_a_cookie_that_was_signed_here(asked_with) -> None:
    browser = client()
    browser.get("/")
    cookie = browser.cookies[visitor.COOKIE]
    asked_with({visitor.COOKIE: cookie})
    mine = visitor.owner()
    assert len(mine) == 32 and mine not in cookie and cookie.split(".")[0] not in mine and visitor.owner() == mine
    for other in (
        {},
        {visitor.COOKIE: cookie[:-1] + "x"},
        {visitor.COOKIE: cookie.split(".")[0]},
        {visitor.COOKIE: "ü.é"},
    ):
        asked_with(other)
        assert visitor.owner() != mine


def test_whoever_signed_in_is_known_in_every_browser(monkeypatch: pytest.MonkeyPatch, asked_with) -> None:
    who = {"is_logged_in": True, "iss": "https://login", "sub": "7", "email": "ada@example.org", "email_verified": True}
    monkeypatch.setattr(type(st.user), "to_dict", lambda _: who)
    asked_with({})
    mine = visitor.owner()
    asked_with({visitor.COOKIE: "another browser"})
    assert visitor.owner() == mine and not visitor.is_operator() and visitor.name() == "ada@example.org"
    monkeypatch.setenv("SIDELIGHT_OPERATORS", "bob@example.org, ada@example.org")
    assert visitor.is_operator()
    who["email_verified"] = False
    assert not visitor.is_operator()
    who["is_logged_in"] = False
    assert visitor.must_sign_in() and visitor.owner() != mine


def test_an_operator_comes_with_the_key(monkeypatch: pytest.MonkeyPatch, asked_with) -> None:
    monkeypatch.setenv("SIDELIGHT_OPERATOR_KEY", KEY)
    wrong, right = client(), client()
    wrong.get("/", params={"operator": KEY + "x"})
    right.get("/", params={"operator": KEY})
    assert visitor.OPERATOR not in wrong.cookies and KEY not in right.cookies[visitor.OPERATOR]
    asked_with(dict(wrong.cookies))
    assert not visitor.is_operator()
    asked_with(dict(right.cookies))
    assert visitor.is_operator()
    asked_with({visitor.OPERATOR: right.cookies[visitor.COOKIE]})
    assert not visitor.is_operator(), "a name is no key, though it is signed"
    asked_with(dict(right.cookies))
    monkeypatch.setenv("SIDELIGHT_OPERATOR_KEY", KEY[::-1])
    assert not visitor.is_operator()


def run_of(root: Path, owner: str, state: str = "queued") -> Path:
    folder = new_run(root, replace(job("vision", "lora"), owner=owner, title="my secret birds"))
    dataset.save(data_of("vision"), folder / "data")
    set_status(folder, state, queued=1.0)
    return folder


def offers(test: AppTest, what: str, folder: Path) -> bool:
    """Whether there is a button for this run; what is measured beside the page can be cancelled by one of that name."""
    return f"{what}_{folder.name}" in {button.key for button in test.button}


def test_a_stranger_sees_that_the_machine_is_busy_and_not_what_with(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(runs, "ada")
    monkeypatch.setattr(visitor, "owner", lambda: "bob")
    assert f"○ {say('others')} · {say('state_queued')}" in said(page()), "also where one has no run"
    other = run_of(runs, "bob", "paused")
    for chosen in ({}, {"run": folder.name}, {"run": other.name}):
        test = page(**chosen)
        text = said(test) + str(test.selectbox(key="run_chosen").options)
        assert text.count("my secret birds") == 1, "one's own"
        assert f"○ {say('others')} · {say('state_queued')}" in text
        assert not offers(test, "cancel", folder)
        assert ("belongs to somebody else" in text) == (chosen.get("run") == folder.name), "what the link asks for"
    monkeypatch.setenv("SIDELIGHT_OPERATORS", "*")
    test = page(run=folder.name)
    assert offers(test, "pause", folder) and offers(test, "cancel", folder), "an operator handles all"


def test_what_nobody_owns_is_handled_by_everybody_where_no_stranger_comes(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(runs, "")
    assert offers(page(run=folder.name), "cancel", folder)
    monkeypatch.setenv("SIDELIGHT_PUBLIC", "1")
    test = page(run=folder.name)
    assert "my secret birds" in str(test.selectbox(key="run_chosen").options)
    assert not offers(test, "cancel", folder)


def test_a_model_of_another_person_is_said_to_be_theirs_and_no_more(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(runs, "ada")
    monkeypatch.setattr(visitor, "owner", lambda: "bob")
    assert not visitor.sees_model(folder.name) and visitor.sees_model("vision-cifar10")
    assert visitor.sees_model("google/vit-base") and visitor.sees_model("../etc")
    with pytest.raises(SidelightError, match="belongs to somebody else") as caught:
        work.model("vision", folder.name)
    assert "birds" not in str(caught.value)
    card = replace(catalogue.BUNDLED[-1], title="my secret birds")
    (folder / "result").mkdir()
    write_json(folder / "result" / "card.json", {**asdict(card), "place": None})
    shown = said(opened("models", lang="en"))
    assert "None of yours yet" in shown and "secret" not in shown
    monkeypatch.setattr(visitor, "owner", lambda: "ada")
    assert visitor.sees_model(folder.name)
    (folder / "job.json").write_text("{")
    assert not visitor.sees(folder) and not visitor.handles(folder)
    with pytest.raises(SidelightError, match="files are damaged"):
        work.model("vision", folder.name)


def test_a_person_has_as_many_runs_as_the_settings_say(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "owner", lambda: "ada")
    monkeypatch.setenv("SIDELIGHT_RUNS_A_PERSON", "1")
    run_of(runs, "bob")
    for expected in (2, 2):
        test = page(method_vision="head", run="")
        next(button for button in test.button if button.label == say("start")).click().run()
        assert not test.exception and len(worker.runs()) == expected
    assert any("as many as this server allows" in text.value for text in test.text)
    assert {read_job(run).owner for run in worker.runs()} == {"ada", "bob"}


def test_figures_for_an_operator(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_of(runs, "ada"), run_of(runs, "bob"), run_of(runs, "bob", "failed")
    here = client(client=FROM_HERE)
    found = here.get("/metrics")
    assert found.status_code == 200 and found.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line.rsplit(" ", 1) for line in found.text.splitlines() if not line.startswith("#")]
    values = {name: float(value) for name, value in lines}
    assert values['sidelight_runs{state="queued"}'] == 2 and values['sidelight_runs{state="failed"}'] == 1
    assert values["sidelight_resident_bytes"] > 10**7 and values["sidelight_kept_bytes_limit"] > 10**7
    assert found.text.count("# TYPE") == found.text.count("# HELP") == len(server.EXPLAINED)
    assert "ada" not in found.text and "birds" not in found.text
    before = values["sidelight_errors_total"]
    server.failed(ValueError("unforeseen"))
    assert f"sidelight_errors_total {before + 1:.0f}" in here.get("/metrics").text
    assert here.get("/metrics", headers={"x-forwarded-for": "8.8.8.8"}).status_code == 403
    far = client(client=("10.0.0.7", 50000))
    assert far.get("/metrics").status_code == 403
    monkeypatch.setenv("SIDELIGHT_OPERATOR_KEY", KEY)
    assert far.get("/metrics", headers={"authorization": f"Bearer {KEY}"}).status_code == 200
    assert far.get("/metrics", headers={"authorization": "Bearer "}).status_code == 403


def test_a_server_does_not_start_with_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_OPERATOR_KEY", "short")
    with pytest.raises(SystemExit, match="SIDELIGHT_OPERATOR_KEY") as caught:
        server.routes()
    assert "short" not in str(caught.value)
