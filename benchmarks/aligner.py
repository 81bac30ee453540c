"""A statistical word aligner in few lines: IBM model 1 (Brown et al. 1993, section 4.2) both ways, symmetrised.

It knows nothing of any neural model, so it can be asked whether cross-attention methods align words as translations do.
"""

from collections import defaultdict
from collections.abc import Sequence

Words = Sequence[str]
Links = set[tuple[int, int]]  # (source word, target word)
NULL, FLOOR = "", 1e-9


def train(pairs: Sequence[tuple[Words, Words]], rounds: int = 10) -> dict[tuple[str, str], float]:
    """t(target | source), with a word that stands for none, by expectation maximisation from a uniform start."""
    table: dict[tuple[str, str], float] = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        counts: dict[tuple[str, str], float] = defaultdict(float)
        totals: dict[str, float] = defaultdict(float)
        for source, target in pairs:
            for word in target:
                shares = [(one, table[one, word]) for one in (NULL, *source)]
                whole = sum(share for _, share in shares)
                for one, share in shares:
                    counts[one, word] += share / whole
                    totals[one] += share / whole
        table = defaultdict(lambda: FLOOR, {key: count / totals[key[0]] for key, count in counts.items()})
    return table


def links(table: dict[tuple[str, str], float], source: Words, target: Words) -> Links:
    """Each target word's most likely source word, none where that is the empty word; of equals the nearest to the
    diagonal."""
    found: Links = set()
    for j, word in enumerate(target):
        off = [abs(i / len(source) - j / len(target)) for i in range(len(source))]
        best = max(range(len(source)), key=lambda i: (table[source[i], word], -off[i]))
        if table[source[best], word] > table[NULL, word]:
            found.add((best, j))
    return found


class Aligner:
    def __init__(self, pairs: Sequence[tuple[Words, Words]]) -> None:
        self.forward = train(pairs)
        self.backward = train([(target, source) for source, target in pairs])

    def align(self, source: Words, target: Words) -> tuple[Links, Links]:
        """(sure, possible): what both directions say, and that grown over neighbours (`grow_diagonal`)."""
        one = links(self.forward, source, target)
        other = {(i, j) for j, i in links(self.backward, target, source)}
        return one & other, grow_diagonal(one, other)


def grow_diagonal(one: Links, other: Links) -> Links:
    """Koehn et al. 2005 (grow-diag): from the links of both, those of either that touch one that is there, also at a
    corner, as long as its source or target word has none yet."""
    found, union = one & other, one | other
    grew = True
    while grew:
        grew = False
        for i, j in sorted(found):
            for link in sorted((i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
                free = link[0] not in {i for i, _ in found} or link[1] not in {j for _, j in found}
                if link in union and link not in found and free:
                    found.add(link)
                    grew = True
    return found


def error_rate(found: Links, sure: Links, possible: Links) -> float:
    """AER, 0 is best: 1 - (|A & S| + |A & P|) / (|A| + |S|), Och & Ney 2003, equation 21."""
    return 1 - (len(found & sure) + len(found & possible)) / max(1, len(found) + len(sure))


def f1(found: Links, reference: Links) -> float:
    return 2 * len(found & reference) / max(1, len(found) + len(reference))
