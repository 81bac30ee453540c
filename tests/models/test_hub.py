"""Models by name, from a hub on this machine and from its cache."""

import subprocess
import sys
from pathlib import Path

import pytest
import transformers as hf

from core.errors import SidelightError
from core.models import hub
from core.models.translation import fetch_translator
from tests.models.hub import lay, offline, served

NAME = "tiny/yolos"
KINDS = (hf.AutoModelForObjectDetection, hf.AutoImageProcessor)


def tiny() -> hf.YolosForObjectDetection:
    config = hf.YolosConfig(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=64,
        image_size=[64, 64],
        num_detection_tokens=5,
    )
    return hf.YolosForObjectDetection(config)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A detector with code and a pickle beside it, a model whose weights nothing here reads, and a broken pickle."""
    for part in (tiny(), hf.YolosImageProcessor()):
        part.save_pretrained(tmp_path / "hub" / NAME)
    (tmp_path / "hub" / NAME / "modeling_evil.py").write_text("raise SystemExit")
    (tmp_path / "hub" / NAME / "pytorch_model.bin").write_bytes(b"a pickle")
    old = tmp_path / "hub" / "tiny" / "old"
    old.mkdir()
    (old / "config.json").write_text("{}")
    (old / "tf_model.h5").write_bytes(b"of another library")
    broken = tmp_path / "hub" / "tiny" / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    (broken / "pytorch_model.bin").write_bytes(b"a pickle")
    return tmp_path / "hub"


def test_a_model_is_fetched_once_with_progress_and_without_code(root: Path, tmp_path: Path, monkeypatch) -> None:
    steps: list[tuple[int, int]] = []
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        module, _ = hub.from_hub(NAME, None, *KINDS, on_step=lambda done, total: steps.append((done, total)))
        assert module.config.num_detection_tokens == 5 and not module.training
        fetched = {path.rsplit("/", 1)[1] for path in asked if "/resolve/" in path}
        assert fetched == {"config.json", "model.safetensors", "preprocessor_config.json"}
        assert steps == sorted(steps) and steps[-1][0] == steps[-1][1] == sum(
            (root / NAME / file).stat().st_size for file in fetched
        )
        asked.clear()
        hub.from_hub(NAME, None, *KINDS)
        assert not [path for path in asked if "/resolve/" in path], "it is in the cache"
    offline(monkeypatch, tmp_path / "cache")
    again, _ = hub.from_hub(NAME, None, *KINDS)
    assert again.state_dict().keys() == module.state_dict().keys()


def test_fetching_can_be_stopped_and_goes_on(root: Path, tmp_path: Path, monkeypatch) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with served(monkeypatch, root, tmp_path / "cache"):
        with pytest.raises(Stop):
            hub.from_hub(NAME, None, *KINDS, on_step=stop)
        assert hub.from_hub(NAME, None, *KINDS)[0].config.num_detection_tokens == 5


@pytest.mark.parametrize(
    ("name", "task", "said"),
    [
        ("tiny/none", "vision", "no model called tiny/none.*ViT-S/14"),
        ("tiny/none", None, "no model called tiny/none"),
        ("tiny/old", None, "has no weights that can be read here"),
        ("tiny/broken", None, "incomplete, damaged"),
        ("../old", None, "not a model name"),
        ("tiny/a--b", None, "no model called tiny/a--b"),
    ],
)
def test_what_cannot_be_had_gets_a_sentence(root: Path, tmp_path: Path, monkeypatch, name, task, said) -> None:
    with served(monkeypatch, root, tmp_path / "cache"), pytest.raises(SidelightError, match=said):
        hub.from_hub(name, task, *KINDS)


def test_a_model_that_does_not_fit_is_not_fetched(root: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("core.models.loading.psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        with pytest.raises(SidelightError, match="needs 0.* GB of memory"):
            hub.from_hub(NAME, None, *KINDS)
        assert not [path for path in asked if "/resolve/" in path]


def test_another_kind_of_model_gets_a_sentence_before_its_weights_are_fetched(
    root: Path, tmp_path: Path, monkeypatch
) -> None:
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        with pytest.raises(SidelightError, match="another kind"):
            hub.from_hub(NAME, None, hf.AutoModelForCausalLM, hf.AutoTokenizer)
        with pytest.raises(SidelightError, match="another kind"):
            fetch_translator(NAME)
        assert any("config.json" in path for path in asked)
        assert not [path for path in asked if "safetensors" in path]


def test_without_a_network_what_is_not_here_is_said_to_be_out_of_reach(tmp_path: Path, monkeypatch) -> None:
    offline(monkeypatch, tmp_path)
    lay(tmp_path, "tiny/half", tiny().config)
    for name in ("tiny/none", "tiny/half"):
        with pytest.raises(SidelightError, match="cannot be reached"):
            hub.from_hub(name, None, *KINDS)


def test_what_was_cut_off_is_not_taken_for_a_whole_model(tmp_path: Path, monkeypatch) -> None:
    tiny().save_pretrained(tmp_path / "hub" / NAME, max_shard_size="60KB")
    hf.YolosImageProcessor().save_pretrained(tmp_path / "hub" / NAME)
    shards = sorted(file.name for file in (tmp_path / "hub" / NAME).glob("model-*"))
    size = sum(file.stat().st_size for file in (tmp_path / "hub" / NAME).iterdir())
    last = size - (tmp_path / "hub" / NAME / shards[-1]).stat().st_size

    def stop(done: int, total: int) -> None:
        assert total == size
        if done == last:
            raise InterruptedError

    with served(monkeypatch, tmp_path / "hub", tmp_path / "cache") as asked:
        assert not hub.is_fetched(NAME)
        with pytest.raises(SidelightError):  # InterruptedError is an OSError: as if the connection had broken
            hub.obtain(NAME, None, stop)
        assert [path.rsplit("/", 1)[1] for path in asked][-len(shards) + 1 :] == shards[:-1], "the weights come last"
        assert len(shards) > 2 and not hub.is_fetched(NAME)
        hub.obtain(NAME, None)
        assert hub.is_fetched(NAME)


def test_what_was_fetched_is_used_where_only_a_proxy_answers(root: Path, tmp_path: Path, monkeypatch) -> None:
    with served(monkeypatch, root, tmp_path / "cache"):
        hub.from_hub(NAME, None, *KINDS)
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://proxy"})
    assert hub.is_reachable(), "nothing listens any more, but that cannot be told"
    assert hub.from_hub(NAME, None, *KINDS)[0].config.num_detection_tokens == 5
    with pytest.raises(SidelightError, match="cannot be reached"):
        hub.from_hub("tiny/none", None, *KINDS)


def test_the_hubs_client_sends_no_telemetry_and_can_be_stopped() -> None:
    """In a process of its own; whatever of ours imports the client has imported `core` before."""
    told = "from huggingface_hub import constants as c; print(c.HF_HUB_DISABLE_TELEMETRY, c.HF_HUB_DISABLE_XET)"
    run = subprocess.run([sys.executable, "-c", f"import core; {told}"], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "True"]
