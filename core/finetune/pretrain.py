"""Train the bundled translator: python -m core.finetune.pretrain --data FOLDER --run FOLDER [--export FOLDER]

Builds the vocabulary and a small Marian model, or goes on from the model in `--start`, with its vocabulary or with
`--renew` in one that is learnt from the data. A run that was killed goes on with the same command. On a CPU glibc gives
memory back between steps unless it is told not to, which takes a quarter of a step:
`MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=8589934592` before it.
`accelerate launch --multi_gpu --num_processes 2 -m core.finetune.pretrain ...` runs it on several GPUs, and with
`SIDELIGHT_DEVICE=cpu` before it on several processes (with `--cpu`, accelerate starts only one process unless it has
MPI).
"""

import argparse
import copy
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from safetensors.torch import save_file
from torch import nn
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

from core.finetune import parallel
from core.finetune.loop import Run, Settings
from core.finetune.own_pieces import own_pieces
from core.finetune.parallel import Pair
from core.finetune.score import score_by_language
from core.finetune.templates import template_pairs
from core.finetune.translation_task import TranslationTask
from core.finetune.vocabulary import build_vocabulary, without_rare
from core.models.loading import device, precisions
from core.models.own_pieces import FILE
from core.models.pieces import BOUNDARY
from core.models.translation import load_translator_folder


def new_model(tokenizer: MarianTokenizer, width: int, layers: tuple[int, int], dropout: float) -> MarianMTModel:
    """layers: encoder, decoder. Heads are 32 wide, the feed-forward layer 3 times the width."""
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=max(1, width // 32),
        decoder_attention_heads=max(1, width // 32),
        encoder_ffn_dim=3 * width,
        decoder_ffn_dim=3 * width,
        dropout=dropout,
        activation_function="relu",
        max_position_embeddings=256,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    return MarianMTModel._from_config(config, attn_implementation="eager")


def start_model(folder: Path, dropout: float) -> tuple[MarianMTModel, MarianTokenizer]:
    """A model to go on from, in float32, with its vocabulary; attention without fusion, whose CPU gradient is slow."""
    module = MarianMTModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    module.config.dropout = dropout
    part: Any
    for part in module.modules():
        if isinstance(getattr(part, "dropout", None), float):
            part.dropout = dropout
    return module, MarianTokenizer.from_pretrained(folder)


def renew(module: MarianMTModel, old: MarianTokenizer, new: MarianTokenizer, feed_forward: int) -> MarianMTModel:
    """The same model over another vocabulary, with feed-forward layers of this width, at least its own.

    A piece begins as the mean of the old pieces that spell it, a mark as the mark of its name (Gee et al. 2022, "Fast
    Vocabulary Transfer for Language Model Compression", section 3). New neurons begin with no way out, so that the
    model says what it said before (Chen et al. 2016, "Net2Net", section 2).
    """
    config: Any = copy.deepcopy(module.config)
    config.vocab_size = config.decoder_vocab_size = len(new)
    config.encoder_ffn_dim = config.decoder_ffn_dim = feed_forward
    for name in ("pad_token_id", "eos_token_id", "bos_token_id", "forced_eos_token_id", "decoder_start_token_id"):
        setattr(config, name, new.get_vocab()[old.convert_ids_to_tokens(getattr(module.config, name))])
    found = MarianMTModel._from_config(config, attn_implementation="eager")
    table, ids = cast(nn.Embedding, module.get_input_embeddings()).weight, old.get_vocab()
    known = module.state_dict()
    with torch.no_grad():
        for name, tensor in found.model.named_parameters():
            if tensor is found.get_input_embeddings().weight:
                for row, piece in enumerate(new.convert_ids_to_tokens(list(range(len(new))))):
                    spelt = old.spm_source.encode(piece.replace(BOUNDARY, " "), out_type=str)
                    rows = [ids[one] for one in ([piece] if piece in ids else spelt) if one in ids]
                    tensor[row] = table[rows or [old.unk_token_id]].mean(0)
            else:
                given = known[f"model.{name}"]
                if name.endswith("fc2.weight"):
                    tensor.zero_()
                tensor[tuple(slice(size) for size in given.shape)] = given
    return found


def beginning(options: argparse.Namespace, train: Sequence[Pair]) -> tuple[MarianMTModel, MarianTokenizer]:
    """What training begins with."""
    if options.start and not options.renew:
        module, tokenizer = start_model(options.start, options.dropout)
        folder = options.run / "vocabulary"
        if options.least or options.names:
            with PartialState(cpu=device().type == "cpu").main_process_first():  # nobody reads what is half written
                if not (folder / "vocab.json").exists():
                    without_rare(tokenizer, train, folder, options.least, options.names)
            tokenizer = MarianTokenizer.from_pretrained(folder)
        return module, tokenizer
    with PartialState(cpu=device().type == "cpu").main_process_first():  # nobody reads what is half written
        learnt = build_vocabulary(train, options.pieces, options.run / "vocabulary")
    torch.manual_seed(options.seed)
    if options.start:
        return renew(*start_model(options.start, options.dropout), learnt, options.feed_forward), learnt
    return new_model(learnt, options.width, tuple(options.layers), options.dropout), learnt


def export(
    module: Any,
    tokenizer: MarianTokenizer,
    train: Sequence[Pair],
    held_out: Sequence[Pair],
    record: dict[str, Any],
    folder: Path,
) -> None:
    """float16 weights, tokenizer and `training.json`: what the model is made from, and how good what is shipped is."""
    module.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_file(own_pieces(tokenizer, train), folder / FILE)
    shipped = load_translator_folder(folder)
    record = record | {"validation": score_by_language(shipped.module, shipped.tokenizer, held_out)}
    (folder / "training.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    train = parallel.read_part(options.data, "train") + template_pairs(options.templates, options.seed)
    held_out = parallel.read_part(options.data, "val")
    module, tokenizer = beginning(options, train)
    settings = Settings.of(options)
    task = TranslationTask(
        module,
        tokenizer,
        train,
        held_out,
        options.seed,
        options.tokens,
        smoothing=options.smoothing,
        rdrop=options.rdrop,
        piece_dropout=options.piece_dropout,
    )
    run = Run(task, settings, options.run)
    run.print_progress(every=50)
    if options.export and run.accelerator.is_main_process:
        kept = ("dropout", "smoothing", "rdrop", "piece_dropout", "tokens")  # config.json has the rest
        record = {"settings": asdict(settings), "options": {name: getattr(options, name) for name in kept}}
        record["data"] = {"train": parallel.digest(train), "pairs": len(train)}
        export(run.learnt, tokenizer, train, held_out, record, options.export)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.en.gz, train.de.gz, val.en.gz, ...")
    parser.add_argument("--templates", type=int, default=0, help="pairs of this project's templates in each language")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints and log")
    parser.add_argument("--start", type=Path, help="go on from this model instead of a new one")
    parser.add_argument("--renew", action="store_true", help="with --start: over a vocabulary learnt from the data")
    parser.add_argument("--least", type=int, default=0, help="with --start: times that a piece must stand in the data")
    parser.add_argument(
        "--names", type=int, default=0, help="with --start: times that a name must stand in its sources"
    )
    parser.add_argument("--feed-forward", type=int, default=768, help="with --renew: the width of these layers")
    parser.add_argument("--export", type=Path, help="where the finished model goes")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--tokens", type=int, default=4000, help="of a batch, padding counted")
    parser.add_argument("--rate", type=float, default=1.3e-3)
    parser.add_argument("--warmup", type=int, default=1000)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--smoothing", type=float, default=0.1, help="of the labels")
    parser.add_argument("--rdrop", type=float, default=0.0, help="weight of R-Drop, which doubles a step's time")
    parser.add_argument("--piece-dropout", type=float, default=0.0, help="share of sentences cut into random pieces")
    parser.add_argument("--average", type=float, default=0.9995)
    parser.add_argument("--every", type=int, default=250, help="steps between checkpoints")
    parser.add_argument("--pieces", type=int, default=10_000, help="of a new vocabulary")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, nargs=2, default=(4, 3), help="of the encoder and the decoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default=precisions()[0])
    options = parser.parse_args(arguments)
    if options.renew and not options.start:
        parser.error("--renew goes on from the model of --start")
    if (options.least or options.names) and (options.renew or not options.start):
        parser.error("--least and --names cut the vocabulary of the model of --start")
    return options


if __name__ == "__main__":
    main()
