"""The two bundled models and one run of each, shared by the tests of the lessons."""

import pytest
import torch
from PIL import Image

from core import samples
from core.models.images import open_image
from core.models.translation import Translation, Translator, load_translator
from core.models.vision import VisionModel, VisionResult, load_vision

SENTENCE = "Two children are playing football in the park near the river."
TARGET = "deu"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    return open_image(samples.photos()[1].path.read_bytes())


@pytest.fixture(scope="session")
def vision() -> VisionModel:
    return load_vision("vision-vit-s-14")


@pytest.fixture(scope="session")
def seen(vision: VisionModel, photo: Image.Image) -> VisionResult:
    return vision.run(photo, 224, "crop")


@pytest.fixture(scope="session")
def translator() -> Translator:
    return load_translator("translation-en-de-fr-cs-zh")


@pytest.fixture(scope="session")
def translation(translator: Translator) -> Translation:
    return translator.translate(SENTENCE, TARGET)
