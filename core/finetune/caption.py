"""Train the captioner: python -m core.finetune.caption --data FILE --eyes FOLDER --run FOLDER --export FOLDER

Scenes are composed of CIFAR-10 cut-outs and told by a grammar in four languages (`core.scenes`). The frozen encoder,
the bundled ViT as `core.finetune.eyes` left it, looks at each once; a small decoder learns to write. Pictures that the
classifier held out, some grounds and some pairs of classes are in no training scene. A run that was killed goes on with
the same command.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from transformers import MarianTokenizer, VisionEncoderDecoderModel

from core.finetune.caption_task import CaptionTask, look
from core.finetune.loop import Run, Settings
from core.finetune.pictures import read_pictures
from core.finetune.scene_parts import VALIDATION, parts
from core.finetune.vocabulary import learn_vocabulary
from core.models import eyes, vision
from core.models.eyes import SEES_WITH, TAGS
from core.models.loading import precisions
from core.scenes import LANGUAGES, draw_layout
from core.scenes.grammar import chinese_words, sentences


def vocabulary(folder: Path, pieces: int = 900) -> MarianTokenizer:
    """Pieces of all sentences that the grammar makes, in four languages. Chinese words are given, as no space ends
    them; the other languages' words are mostly one piece each."""
    if (folder / "vocab.json").exists():
        return MarianTokenizer.from_pretrained(folder)
    return learn_vocabulary(
        [line for language in LANGUAGES if language != "zh" for line in sentences(language)] + ["。", "，", "、"] * 100,
        [TAGS[language].strip("<>") for language in LANGUAGES],
        folder,
        vocab_size=pieces,
        hard_vocab_limit=False,
        model_type="bpe",
        character_coverage=1.0,
        normalization_rule_name="identity",
        user_defined_symbols=chinese_words(),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    pictures = read_pictures(options.data)
    learnt = load_file(options.eyes / "adapter_model.safetensors")
    model = eyes.adapted(vision.load_vision(SEES_WITH), options.eyes, learnt)
    train, held_out = parts(pictures)
    counts = {"train": (train, 0, options.scenes, False), "held_out": (held_out, VALIDATION, options.held_out, None)}
    seen = {}
    for name, (part, first, count, pairs) in counts.items():
        layouts = [draw_layout(part, first + number, held_out=pairs) for number in range(count)]
        tell = partial(print, name, flush=True)
        seen[name] = look(model, layouts, pictures, options.run / "features" / name, options.precision, tell)
    tokenizer = vocabulary(options.run / "vocabulary")
    torch.manual_seed(options.seed)
    module = eyes.join(model, eyes.new_decoder(tokenizer, options.width, options.layers, options.dropout), tokenizer)
    module.encoder.requires_grad_(False)
    task = CaptionTask(module, tokenizer, seen["train"], seen["held_out"], options.seed, options.batch)
    settings = Settings.of(options)
    run = Run(task, settings, options.run)
    run.print_progress(every=20)
    if run.accelerator.is_main_process:
        data = {"sha256": pictures.digest, "scenes": options.scenes, "held_out": options.held_out}
        record = {"sees_with": SEES_WITH, "settings": asdict(settings), "data": data}
        eyes.save(cast(VisionEncoderDecoderModel, run.learnt), tokenizer, options.eyes, options.export, record)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder or .tar.gz of class folders: CIFAR-10")
    parser.add_argument("--eyes", type=Path, required=True, help="what core.finetune.eyes left")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: features, checkpoints and log")
    parser.add_argument("--export", type=Path, required=True, help="where the finished captioner goes")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--held-out", type=int, default=400, help="scenes that validate")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--average", type=float, default=0.998)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default=precisions()[0])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
