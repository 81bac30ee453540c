"""What each language of a translator is written in: a file beside the bundled model (`core.finetune.own_pieces`).

A small model whose languages share one vocabulary mixes them where it is unsure ("Es kostet 45 美元."). Fine-tuning may
teach new words, so its results are held to nothing.
"""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from core.models.decoding import OWN

FILE = "own_pieces.safetensors"


def held(module: Any, tokenizer: Any, folder: Path) -> tuple[Any, Any]:
    """Both, and the model writes each language in its own pieces from now on, where `folder` says what they are."""
    if (folder / FILE).exists():
        own = {tokenizer.convert_tokens_to_ids(tag): pieces.bool() for tag, pieces in load_file(folder / FILE).items()}
        setattr(module, OWN, own)
    return module, tokenizer


def release(module: Any) -> None:
    """The model writes in any piece again."""
    setattr(module, OWN, None)
