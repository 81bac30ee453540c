"""The list of models to choose from: whole in both languages, and a search that says where it cannot ask."""

from collections import Counter
from types import SimpleNamespace

import huggingface_hub
import pytest

from core.differences import candidates
from core.errors import SidelightError
from core.models import hub, known
from core.models.loading import check_model_name
from core.ui import inputs
from core.ui.known import titles
from core.wording import LANGUAGES


def test_each_is_named_sized_and_told_in_every_language() -> None:
    every = known.known()
    assert len(every) >= 50 and {one.task for one in every} == set(known.PIPELINES)
    assert not [key for key, count in Counter((one.task, one.name) for one in every).items() if count > 1]
    for one in every:
        assert check_model_name(one.name.removeprefix("timm/")) and one.millions > 0
        assert all(one.line(language) for language in LANGUAGES) and one.megabytes == 4 * one.millions


def test_what_captions_do_not_teach_is_no_base_for_them() -> None:
    """A vision-language model was listed as a base and refused after gigabytes had been fetched."""
    prompted = {one.name for one in known.of("captioning") if one.prompted}
    joined = {one.name for one in known.of("captioning")} - prompted
    assert "Qwen/Qwen2-VL-2B-Instruct" in prompted and "nlpconnect/vit-gpt2-image-captioning" in joined
    assert set(titles("captioning", prompted=False)) == joined
    listed: list[dict[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "choose_named", lambda key, titles, *rest: listed.append(titles) or rest[0])
        inputs.choose_base("captioning")
    assert joined < set(listed[0]) <= joined | set(inputs.model_titles("captioning"))


def test_the_lessons_chooser_says_the_same_of_a_model() -> None:
    listed = {one.name: one for one in known.known()}
    both = [(one, listed[one.name]) for one in candidates.KNOWN if one.name in listed]
    assert len(both) > 10
    for one, other in both:
        assert one.parameters == pytest.approx(1e6 * other.millions, rel=0.02), one.name
        assert other.licence in ("", one.licence), one.name


def test_the_hub_is_searched_where_it_answers_and_a_sentence_told_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "is_reachable", lambda: False)
    with pytest.raises(SidelightError) as caught:
        known.search("vit", "vision")
    assert caught.value.code == "known.offline"
    asked: dict = {}

    def listed(self: object, **how: object) -> list:
        asked.update(how)
        return [SimpleNamespace(id="me/vit")]

    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_models", listed)
    monkeypatch.setattr(known, "setting", lambda name: True)
    assert [one.name for one in known.search("vit", "vision")] == ["me/vit"]
    assert asked["search"] == "vit" and asked["pipeline_tag"] == "image-classification"
