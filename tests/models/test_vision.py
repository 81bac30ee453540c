"""The bundled Vision Transformer and the rules for loading others."""

from pathlib import Path

import psutil
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core import samples
from core.errors import SidelightError
from core.models import vision
from core.models.catalogue import BUNDLED, CAPTIONER, LANGUAGE
from core.models.images import open_image
from core.models.loading import check_model_name, device, verified_weights
from core.models.vision import VisionModel, estimate, load_vision
from tests.boxes import patch_box
from tests.models.hub import offline, served


@pytest.fixture(scope="module")
def bundled() -> VisionModel:
    return load_vision("vision-vit-s-14")


def test_attention_of_the_bundled_model_finds_a_planted_object(bundled: VisionModel) -> None:
    """A photo of a flower pasted on grey: CLS attention of the last layers gathers where the flower is."""
    flower = open_image(next(p for p in samples.photos() if p.file == "flower.jpg").path.read_bytes())
    flower = flower.crop((150, 60, 470, 380)).resize((110, 110))
    for place in ((20, 20), (200, 190)):
        image = Image.new("RGB", (336, 336), (128, 128, 128))
        image.paste(flower, place)
        result = bundled.run(image, 224, "stretch")
        row = result.traces["encoder"].mean([9, 10])[0, 1:].reshape(16, 16)
        x0, y0 = (round(c * 16 / 336) for c in place)
        inside = row[y0 : y0 + 5, x0 : x0 + 5].sum() / row.sum()
        assert inside > 3 * 25 / 256, "three times its share of the area"
        assert result.traces["encoder"].problems == ()


def test_the_brightest_patch_is_where_a_known_attention_looks() -> None:
    """Query and key weights set so that attention goes to bright patches; every framing puts it on the square."""
    module = timm.create_model("vit_tiny_patch16_224", depth=1, num_heads=1, embed_dim=8, dynamic_img_size=True).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.patch_embed.proj.weight[0] = 1 / 256  # dimension 0: mean brightness of the patch
        module.blocks[0].norm1 = torch.nn.Identity()
        module.blocks[0].attn.qkv.bias[0] = 5.0  # query: constant
        module.blocks[0].attn.qkv.weight[8, 0] = 1.0  # key: brightness
    model = vision.from_timm("planted", module)
    image = Image.new("RGB", (300, 200))
    image.paste("white", (170, 90, 195, 115))
    for fit in ("crop", "letterbox", "stretch", "native"):
        result = model.run(image, 224, fit)
        brightest = int(result.traces["encoder"].row(0, 0, 0).argmax())
        left, top, right, bottom = patch_box(result.axis, brightest)
        assert right > 170 and left < 195 and bottom > 90 and top < 115, fit


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch", "native"])
def test_the_estimate_counts_the_tokens_that_a_run_has(bundled: VisionModel, fit: str) -> None:
    image = Image.new("RGB", (200, 120))
    assert estimate(bundled, 112, fit, image.size).tokens == len(bundled.run(image, 112, fit).axis)


def test_a_busy_moment_does_not_stay_in_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    model = vision.from_timm("tiny", timm.create_model("vit_tiny_patch16_224", depth=1).eval())
    clock = iter([0.0, 8.0, 10.0, 12.0, 20.0, 29.0])  # a pass of 8 s, then one of 2 s, then one of 9 s
    monkeypatch.setattr("core.models.vision.model.time.perf_counter", lambda: next(clock))
    image = Image.new("RGB", (224, 224))
    assert estimate(model, 224, "crop", image.size).seconds == pytest.approx(8)
    for _ in range(2):
        model.run(image, 224, "crop")
        assert estimate(model, 224, "crop", image.size).seconds == pytest.approx(2)


def test_a_model_with_a_head_names_its_best_classes() -> None:
    model = vision.from_timm("tiny", timm.create_model("vit_tiny_patch16_224", depth=1).eval())
    predictions = model.run(Image.new("RGB", (64, 64)), 224, "crop").predictions
    assert len(predictions) == 5 and 0 < sum(p.probability for p in predictions) <= 1
    assert [p.probability for p in predictions] == sorted((p.probability for p in predictions), reverse=True)
    assert model.classes[0].startswith("tench")


@pytest.mark.parametrize("name", ["hiera_tiny_224", "vit_tiny_r_s16_p8_224"])
def test_what_is_not_cut_into_one_grid_of_patches_is_not_drawn_as_if_it_were(name: str) -> None:
    module = timm.create_model(name, pretrained=False).eval()
    with pytest.raises(SidelightError) as caught:
        vision.from_timm(name, module)
    assert caught.value.code == "model.unsupported"


@pytest.mark.parametrize("card", (*BUNDLED, *LANGUAGE), ids=lambda card: card.key)
def test_bundled_weights_have_their_hash(card) -> None:
    assert verified_weights(card) == card.weights


@pytest.mark.parametrize(
    "name", ["", "  ", "/etc/passwd", "../x", "a/../b", "C:\\x", "~/m", "a b", "a\nb", "x" * 200, "a/b/c", "é"]
)
def test_a_path_is_no_model_name(name: str) -> None:
    with pytest.raises(SidelightError):
        check_model_name(name)


@pytest.mark.parametrize("name", ["vit_base_patch16_224.augreg_in21k", "Helsinki-NLP/opus-mt-en-zh", "t5-small"])
def test_hub_names_pass(name: str) -> None:
    assert check_model_name(f" {name} ") == name


def test_unknown_names_and_devices_get_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SidelightError, match="no model called"):
        load_vision("no_such_model")
    monkeypatch.setenv("SIDELIGHT_DEVICE", "abacus")
    with pytest.raises(SidelightError, match="abacus"):
        device()


def test_without_a_network_the_sentence_names_the_bundled_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.models.hub.is_reachable", lambda: False)
    with pytest.raises(SidelightError, match="cannot be reached.*ViT-S/14"):
        load_vision("vit_small_patch32_384")
    with pytest.raises(SidelightError, match="no model called"):
        load_vision("vit_small_patch32_384.no_such_tag")


@pytest.fixture
def timm_hub(tmp_path: Path) -> Path:
    """timm's smallest Vision Transformer, with random weights."""
    folder = tmp_path / "hub" / "timm" / "test_vit.r160_in1k"
    folder.mkdir(parents=True)
    save_file(timm.create_model("test_vit").state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    return tmp_path / "hub"


def test_a_timm_model_is_fetched_once_with_progress(timm_hub: Path, tmp_path: Path, monkeypatch) -> None:
    weights, steps = timm_hub / "timm" / "test_vit.r160_in1k" / "model.safetensors", []
    with served(monkeypatch, timm_hub, tmp_path / "cache") as asked:
        model = load_vision("timm/test_vit", lambda *step: steps.append(step))
        assert [path for path in asked if "/resolve/" in path] == [
            f"/timm/{weights.parent.name}/resolve/main/{weights.name}"
        ]
    size = weights.stat().st_size
    assert len(steps) > 2 and steps[0] == (0, size) and steps == sorted(steps) and steps[-1] == (size, size)
    offline(monkeypatch, tmp_path / "cache")
    again = load_vision("test_vit.r160_in1k")
    picture = Image.new("RGB", (64, 64), "red")
    assert torch.equal(*(one.run(picture, 160, "crop").probabilities for one in (model, again)))
    state = load_file(weights)
    assert torch.equal(again.module.head.weight.cpu(), state["head.weight"]), "these weights, no others"


def test_weights_that_were_fetched_alone_need_no_network(timm_hub: Path, tmp_path: Path, monkeypatch) -> None:
    """As in caches of timm itself: no config.json beside them."""
    offline(monkeypatch, tmp_path / "cache")
    place = tmp_path / "cache" / "models--timm--test_vit.r160_in1k"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots").mkdir()
    (timm_hub / "timm" / "test_vit.r160_in1k" / "config.json").unlink()
    (timm_hub / "timm" / "test_vit.r160_in1k").rename(place / "snapshots" / ("0" * 40))
    assert load_vision("test_vit").default_size == 160


def test_fetching_a_timm_model_can_be_stopped(timm_hub: Path, tmp_path: Path, monkeypatch) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done:
            raise Stop

    with served(monkeypatch, timm_hub, tmp_path / "cache"):
        with pytest.raises(Stop):
            load_vision("test_vit", stop)
        assert load_vision("test_vit").patch == 16


def test_a_timm_model_that_cannot_be_had_is_not_fetched(timm_hub: Path, tmp_path: Path, monkeypatch) -> None:
    (timm_hub / "timm" / "test_vit2.r160_in1k").mkdir()
    (timm_hub / "timm" / "test_vit2.r160_in1k" / "flax_model.msgpack").write_bytes(b"of another library")
    memory = psutil.virtual_memory()
    with served(monkeypatch, timm_hub, tmp_path / "cache") as asked:
        with pytest.raises(SidelightError, match="test_vit2 has no weights that can be read.*ViT-S/14"):
            load_vision("timm/test_vit2")
        with pytest.raises(SidelightError, match="no model called test_vit3"):
            load_vision("test_vit3")
        monkeypatch.setattr("core.models.loading.psutil.virtual_memory", lambda: memory._replace(available=1000))
        with pytest.raises(SidelightError, match="needs 0.* GB of memory"):
            load_vision("test_vit")
        assert not [path for path in asked if "/resolve/" in path]


def test_the_bundled_classifier_names_the_cat_and_keeps_its_attention_clean() -> None:
    model = load_vision("vision-cifar10")
    cat = open_image(next(p for p in samples.photos() if p.file == "cat.jpg").path.read_bytes())
    for size in (112, 224):
        result = model.run(cat, size, "crop")
        assert result.predictions[0].label == "cat" and result.predictions[0].probability > 0.8
        assert result.traces["encoder"].problems == () and result.traces["encoder"].layers == 12
    assert len(model.classes) == 10 and 0 < model.temperature < 2


def test_all_bundled_weights_are_small() -> None:
    assert sum(card.weights.stat().st_size for card in (*BUNDLED, CAPTIONER, *LANGUAGE)) < 140e6


@pytest.mark.parametrize("card", (*BUNDLED, *LANGUAGE), ids=lambda card: card.key)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_model_has_a_card(card, language: str) -> None:
    text = card.readme(language)
    assert text.startswith("# ") and "sacreBLEU" in text or "python -m" in text
