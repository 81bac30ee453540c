"""What the page shows of augmentation is what training draws, and it moves nobody's draws."""

import random

import pytest
import torch

from core.finetune import parallel
from core.finetune.picture_learning import VARIATION, PictureLearning
from core.finetune.pictures import vary
from core.finetune.sentence_learning import SentenceLearning
from core.finetune.sides import side
from tests.finetune.models import data_of, job


@pytest.mark.parametrize("task", ["vision", "translation"])
def test_each_draw_is_its_own_and_moves_no_other(task: str) -> None:
    data, wanted = data_of(task), job(task, "lora", varied=True)
    torch.manual_seed(3)
    random.seed(3)
    before = torch.get_rng_state(), random.getstate()
    first, second, again = (side(task).varied(wanted, data, 4, draw) for draw in (0, 1, 0))
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert len(first) == 4 and str(first) == str(again) != str(second)


def test_pictures_are_varied_as_a_step_varies_them() -> None:
    data, wanted = data_of("vision"), job("vision", "lora", varied=True)
    found = PictureLearning.varied(wanted, data, len(data.train), 5)
    torch.manual_seed(5)
    seen = vary(data.train.images, wanted.side, VARIATION)
    assert torch.equal(torch.stack([one for _, one in found]), (seen * 255).byte())
    mirrored = PictureLearning.varied(job("vision", "head", varied=True), data, 3, 0)
    assert all(torch.equal(one.flip(-1), other) for one, other in mirrored)


def test_sentences_that_change_come_first() -> None:
    data = data_of("translation")
    found = SentenceLearning.varied(job("translation", "lora", varied=True), data, 6, 0)
    same = [one == other for one, other in found]
    assert same == sorted(same)
    chance = random.Random(0)
    drawn = {pair: parallel.vary(pair, chance.choice(data.train), chance) for pair in data.train}
    assert all(drawn[one] == other for one, other in found)
