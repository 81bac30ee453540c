"""The choice of languages for a model that must be told both: by name, in the person's language, and kept as a pair."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.waiting import PATIENCE


def page() -> None:
    import streamlit as st

    from core.ui import sentences

    targets = ("arb_Arab", "deu_Latn", "fra_Latn", "zho_Hans", "zho_Hant")
    sentence, target = sentences.choose(targets, ("eng_Latn", "deu_Latn", "fra_Latn"))
    st.text(f"{target}|{sentences.target_name(target)}")


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ["German", "French", "Chinese (Simplified)", "Chinese (Traditional)", "Arabic"]),
        ("zh", ["德语", "法语", "中文 (简体)", "中文 (繁体)", "阿拉伯语"]),
    ],
)
def test_both_languages_are_chosen_by_name(language: str, names: list[str]) -> None:
    test = AppTest.from_function(page, default_timeout=PATIENCE)
    test.session_state["lang"] = language
    test.run()
    assert not test.exception
    assert test.selectbox(key="target").options == names
    assert test.text[0].value == f"eng_Latn>deu_Latn|{names[0]}"
    assert [button for button in test.button if str(button.key).startswith("example_")], "German sentences of ours"
    test.selectbox(key="source").select("fra_Latn").run()
    test.selectbox(key="target").select("arb_Arab").run()
    assert test.text[0].value == f"fra_Latn>arb_Arab|{names[-1]}"
    assert not [button for button in test.button if str(button.key).startswith("example_")], "all are English"
