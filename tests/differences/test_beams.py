"""The tree is the search that the translator really makes."""

import math

import pytest

from core.models.beams import BeamTree, beam_tree
from core.models.translation import Translator
from tests.differences.conftest import SENTENCE


def searched(translator: Translator, target: str, beams: int, most: int = 128) -> BeamTree:
    source, _ = translator.source_pieces(SENTENCE, target)
    return beam_tree(translator, lambda rule: translator.search(source, beams, most, None, target, rule), beams)


@pytest.mark.parametrize("beams", [1, 2, 5])
@pytest.mark.parametrize("target", ["deu", "cmn_Hans"])
def test_the_winner_is_what_the_translator_writes(translator, beams: int, target: str) -> None:
    tree = searched(translator, target, beams)
    source, names = translator.source_pieces(SENTENCE, target)
    output = translator.search(source, beams)
    assert list(tree.output) == output[0].tolist()
    path = [node for node in tree.nodes if node.fate == "best"]
    own = translator.read(source, names, output)
    assert [node.piece for node in path] == [step.piece for step in own.steps]
    assert path[-1].score == pytest.approx(own.score * len(own.steps), abs=1e-3)
    for node, step in zip(path, own.steps, strict=True):
        assert node.chance == pytest.approx(step.probability, abs=1e-4)


def test_a_search_that_is_cut_off_has_no_end_that_nobody_wrote(translator) -> None:
    source, names = translator.source_pieces(SENTENCE, "deu")
    output, end = translator.search(source, 3, 5), translator.module.config.eos_token_id
    assert output.shape[1] == 1 + 5 and end not in output[0].tolist()
    assert translator.read(source, names, output).stopped_by_limit
    assert list(searched(translator, "deu", 3, 5).output) == output[0].tolist()


def test_scores_add_up_along_the_branches_and_no_step_keeps_more_than_its_beams(translator) -> None:
    tree = searched(translator, "fra", 4)
    for node in tree.nodes:
        before = tree.nodes[node.parent] if node.parent >= 0 else None
        assert node.score == pytest.approx((before.score if before else 0) + math.log(node.chance), abs=1e-3)
        assert node.step == (before.step + 1 if before else 0)
        assert before is None or before.fate in ("kept", "best")
    last = max(node.step for node in tree.nodes)
    for step in range(last):
        here = [node for node in tree.nodes if node.step == step]
        carried = [node for node in here if any(tree.nodes[n.parent] is node for n in tree.nodes if n.parent >= 0)]
        assert 1 <= len(carried) <= 4
        scores = [node.score for node in here if node.fate in ("kept", "pruned")]
        kept = [node.score for node in here if node.fate == "kept"]
        pruned = [node.score for node in here if node.fate == "pruned"]
        assert scores == sorted(scores, reverse=True)
        assert not kept or not pruned or min(kept) >= max(pruned)
    assert any(node.fate == "pruned" for node in tree.nodes)
