"""Models whose answer rests on a place that is known: built by hand, not trained. And random ones of the same kinds."""

import timm
import tokenizers
import torch
from PIL import Image
from torch import nn
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from core.attention.subject import Subject
from core.models import vision
from core.models.subjects import photo_subject, translation_subject
from core.models.translation import Translator

PATCH, SIDE = 8, 32  # px
WORDS = [f"w{number}" for number in range(12)]
SPECIAL = ["<pad>", "</s>", "<unk>"]


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A word is a piece; the ids of `SPECIAL` come first; an end stands after each text."""
    known = {name: number for number, name in enumerate(SPECIAL + WORDS)}
    found = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="<unk>"))
    found.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    found.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=found,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def _plain(module: nn.Module) -> None:
    """No layer norm, and feed-forward layers that add nothing: what attention does is all that is done."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.LayerNorm):
                setattr(parent, name, nn.Identity())
            elif name == "fc2":
                nn.init.zeros_(child.weight), nn.init.zeros_(child.bias)


def colour_model() -> vision.VisionModel:
    """Two layers: CLS attends to what is bright and takes over its colour, from which "red" and "blue" are told.

    The four dimensions: brightness, red, blue, whether it is CLS.
    """
    module = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=SIDE,
        patch_size=PATCH,
        depth=2,
        embed_dim=4,
        num_heads=1,
        num_classes=2,
        mlp_ratio=1,
    )
    _plain(module)
    with torch.no_grad():
        for parameter in (module.pos_embed, module.cls_token, module.patch_embed.proj.bias, module.head.bias):
            parameter.zero_()
        module.cls_token[..., 3] = 1.0
        module.patch_embed.proj.weight.zero_()
        module.patch_embed.proj.weight[0] = 1 / (3 * PATCH**2)
        module.patch_embed.proj.weight[1, 0] = module.patch_embed.proj.weight[2, 2] = 1 / PATCH**2
        for block in module.blocks:
            block.attn.qkv.weight.zero_(), block.attn.qkv.bias.zero_()
            block.attn.qkv.weight[0, 3] = 12.0  # CLS asks
            block.attn.qkv.weight[4, 0] = 1.0  # for brightness
            block.attn.qkv.weight[9, 1] = block.attn.qkv.weight[10, 2] = 1.0  # and hears the colour
            block.attn.proj.weight.copy_(torch.eye(4)), block.attn.proj.bias.zero_()
        module.head.weight.copy_(torch.tensor([[0.0, 4, -4, 0], [0, -4, 4, 0]]))
    model = vision.from_timm("colour", module)
    model.classes, model.mean, model.std = ("red", "blue"), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return model


def planted_photo(place: int, colour: tuple[int, int, int]) -> Image.Image:
    """Dark grey, with one bright patch at position `place` of the grid, row by row."""
    photo = Image.new("RGB", (SIDE, SIDE), (40, 40, 40))
    row, column = divmod(place, SIDE // PATCH)
    photo.paste(colour, (column * PATCH, row * PATCH, (column + 1) * PATCH, (row + 1) * PATCH))
    return photo


def colour_subject(place: int, target: int) -> Subject:
    colour = [(255, 90, 90), (90, 90, 255)][target]
    return photo_subject(colour_model(), planted_photo(place, colour), SIDE, "stretch", target)


def random_vision(layers: int = 3, **more: object) -> vision.VisionModel:
    torch.manual_seed(1)
    module = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=SIDE,
        patch_size=PATCH,
        depth=layers,
        embed_dim=24,
        num_heads=3,
        num_classes=5,
        **more,
    )
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    model = vision.from_timm("random", module)
    model.classes = tuple("abcde")
    return model


def random_photo() -> Image.Image:
    torch.manual_seed(2)
    return Image.fromarray((torch.rand(SIDE, SIDE, 3) * 255).byte().numpy())


def random_subject(target: int | None = 2) -> Subject:
    return photo_subject(random_vision(), random_photo(), SIDE, "stretch", target)


def _marian(width: int, layers: int, heads: int, **more: object) -> MarianMTModel:
    config = MarianConfig(
        vocab_size=len(SPECIAL + WORDS),
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=width,
        decoder_ffn_dim=width,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
        dropout=0.0,
        max_position_embeddings=20,
        **{"scale_embedding": False, **more},
    )
    config._attn_implementation = "sdpa"
    return MarianMTModel(config).eval()


def random_translator(layers: int = 2, **more: object) -> Translator:
    torch.manual_seed(3)
    module = _marian(16, layers, 2, init_std=0.4, **more)
    return Translator("random", module, word_tokenizer(), ())


def copier() -> Translator:
    """Writes the source word that stands where it writes. Dimensions: 20 for the place, the rest for the word."""
    places, names = 20, len(SPECIAL + WORDS)
    module = _marian(places + names + 1, 1, 1)
    _plain(module)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear):
                part.weight.zero_()
                if part.bias is not None:
                    part.bias.zero_()
        words = torch.cat([torch.zeros(names, places), torch.eye(names), torch.zeros(names, 1)], 1)
        module.model.shared.weight.copy_(words)
        module.lm_head.weight = module.model.shared.weight
        where = torch.cat([torch.eye(places), torch.zeros(places, names + 1)], 1)
        for side in (module.model.encoder, module.model.decoder):
            side.embed_positions.weight.data = where
        cross = module.model.decoder.layers[0].encoder_attn
        at = torch.cat([torch.ones(places), torch.zeros(names + 1)])
        cross.q_proj.weight.copy_(torch.diag(at * 40))
        cross.k_proj.weight.copy_(torch.diag(at))
        cross.v_proj.weight.copy_(torch.diag(1 - at))
        cross.out_proj.weight.copy_(torch.eye(len(at)) * 10)
    return Translator("copier", module, word_tokenizer(), ())


def sentence_subject(translator: Translator, sentence: str, written: str, target: int | None) -> Subject:
    """The given output, whether or not the model would have written it."""
    source, names = translator.source_pieces(sentence, None)
    output = torch.cat(
        [torch.zeros(1, 1, dtype=torch.long), translator.tokenizer(written, return_tensors="pt").input_ids], 1
    )
    return translation_subject(translator, sentence, None, translator.read(source, names, output), target)
