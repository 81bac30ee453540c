"""What families of encoder-decoder models write in different ways: their depth, their length, their marks."""

from typing import Any


def layers(config: Any) -> tuple[int, int]:
    """The number of layers of the encoder and of the decoder; -1 where it is not told."""
    if hasattr(config, "encoder") and hasattr(config, "decoder"):  # two models joined
        return config.encoder.num_hidden_layers, config.decoder.num_hidden_layers
    names = {side: (f"{side}_layers", f"num_{side}_layers", "num_layers") for side in ("encoder", "decoder")}
    found = {side: [getattr(config, name) for name in names[side] if getattr(config, name, None)] for side in names}
    return next(iter(found["encoder"]), -1), next(iter(found["decoder"]), -1)


def positions(config: Any) -> int | None:
    """The longest input and output; None for relative positions, as T5's."""
    parts = [config, getattr(config, "encoder", None), getattr(config, "decoder", None)]
    return min((n for part in parts if (n := getattr(part, "max_position_embeddings", None))), default=None)


def ends(module: Any) -> tuple[int, ...]:
    """The marks that end what a model writes."""
    known = module.generation_config.eos_token_id
    return tuple(known) if isinstance(known, list) else (known,)


def settle_marks(module: Any, tokenizer: Any) -> None:
    """Where two models were joined, the marks of the output stand in one of two configurations, or only in the
    tokenizer; afterwards in both."""
    own = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id or tokenizer.sep_token_id}
    own["decoder_start_token_id"] = tokenizer.bos_token_id or tokenizer.cls_token_id
    both: list[Any] = [module.config, module.generation_config]
    for key, last in own.items():
        known = [value for part in both if (value := getattr(part, key, None)) is not None]
        for part in both:
            if getattr(part, key, None) is None:
                setattr(part, key, known[0] if known else last)
