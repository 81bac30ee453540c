"""Which parts of a model the methods of peft change, found from the module: no table of models.

A layer of a model is what is numbered in it ("blocks.3", "encoder.layers.0"), so embeddings and heads are none. peft's
own tables name few kinds (no Marian, no model of pictures), and of those query and value alone, where LoRA on every
linear layer of the layers is what comes close to full training (Dettmers et al. 2023, "QLoRA", section 4).
"""

import re

from torch import nn

LAYER = re.compile(r"(.*\.)?\d+\.")
ATTENTION = re.compile(r"att(n|ention)(?!.*\.(mlp|ffn|feed))", re.IGNORECASE)
KEYS = {"k", "v", "key", "value", "k_proj", "v_proj", "key_proj", "value_proj"}  # each a layer
JOINED = {"qkv", "kv", "in_proj", "query_key_value", "c_attn"}  # one layer for several of them


def linear(module: nn.Module, rank: int) -> str:
    """Every linear layer that has more than `rank` rows and columns; a thinner one is cheaper than what LoRA would put
    beside it. A pattern of names. Raises ValueError where there is none."""
    found = _linear_layers(module)
    return _pattern(module, [n for n, part in found.items() if min(part.in_features, part.out_features) > rank])


def keys(module: nn.Module) -> str:
    """What makes keys and values. A pattern of names. Raises ValueError where there is none."""
    return _pattern(module, [name for name in _linear_layers(module) if name.split(".")[-1] in KEYS | JOINED])


def forward(module: nn.Module) -> str:
    """The last layer of each feed-forward part: outside attention, from wide to narrow, where another goes the other
    way. A pattern of names. Raises ValueError where there is none."""
    found = _linear_layers(module)
    wide = {(_layer(name), part.in_features, part.out_features) for name, part in found.items()}
    return _pattern(
        module,
        [
            name
            for name, part in found.items()
            if part.in_features > part.out_features
            and not ATTENTION.search(name)
            and any((_layer(name), part.out_features, times * part.in_features) in wide for times in (1, 2))  # 2: gated
        ],
    )


def _linear_layers(module: nn.Module) -> dict[str, nn.Linear]:
    """Of the layers, by name, those that are called: PyTorch's own attention reads the weights of its parts."""
    passed = {id(part) for one in module.modules() if isinstance(one, nn.MultiheadAttention) for part in one.modules()}
    named = module.named_modules()
    return {n: p for n, p in named if isinstance(p, nn.Linear) and LAYER.match(n) and id(p) not in passed}


def _layer(name: str) -> str:
    """Up to its last number: "encoder.layers.3."."""
    found = LAYER.match(name)
    return found[0] if found else ""


def _pattern(module: nn.Module, names: list[str]) -> str:
    """What matches these names of modules and no other, with numbers left open where that is so."""
    if not names:
        raise ValueError("the model has no such layers")
    every, chosen = [name for name, _ in module.named_modules()], set(names)
    found: dict[str, bool] = {}
    for name in names:
        loose = r"\.".join(r"\d+" if part.isdecimal() else re.escape(part) for part in name.split("."))
        fits = found.get(loose)
        if fits is None:
            fits = found[loose] = chosen.issuperset(other for other in every if re.fullmatch(loose, other))
        if not fits:
            found[re.escape(name)] = True
    return "|".join(pattern for pattern, fits in found.items() if fits)
