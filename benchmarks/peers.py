"""`python -m benchmarks.peers`: Sidelight beside the tools that people use, for the same input on the same weights.

The bundled ViT looks at a sample photo, the bundled translator writes its caption. Contestants take turns in one
process; times are shares of the plain pass (medians). *Memory* is what a call allocates at its highest over what it
found. *Away* is the largest difference of an attention weight from what transformers' and timm's own eager code gives.
What is not installed is left out with a sentence (`benchmarks/peers.txt`).
"""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import timm
import torch
from torch import Tensor
from transformers import MarianMTModel

from benchmarks.timing import take_turns
from core import samples
from core.attention.methods import explain
from core.differences.cost import peak_bytes
from core.models.catalogue import card, default
from core.models.images import open_image
from core.models.subjects import photo_subject
from core.models.translation import Translator, load_translator
from core.models.vision import VisionModel, load_vision
from core.views.linked.cards import card_of
from core.views.linked.page import View

PEERS = ("bertviz", "inseq", "captum", "pytorch_grad_cam")
ROUNDS = 7
SIZES = (224, 518)  # px
STEPS = 20  # of integrated gradients


@dataclass
class Contest:
    """One job. plain: the pass without looking. runs: what each tool does. away: attention's error, where it is known;
    shows: what a person gets."""

    title: str
    plain: Callable[[], object]
    runs: dict[str, Callable[[], Any]]
    away: dict[str, float]
    shows: dict[str, str]

    def report(self) -> None:
        seconds = take_turns({"plain": self.plain, **self.runs}, ROUNDS)
        print(f"\n{self.title}; the plain pass takes {seconds['plain'] * 1e3:.1f} ms\n")
        print("| | time / plain | memory, MB | away | what is shown |\n|---|---|---|---|---|")
        for name, run in self.runs.items():
            memory, away = peak_bytes(partial(_with_gradients, run)) / 1e6, self.away.get(name)
            error = "" if away is None else f"{away:.0e}"
            print(f"| {name} | {seconds[name] / seconds['plain']:.2f} | {memory:.1f} | {error} | {self.shows[name]} |")


def _with_gradients(run: Callable[[], Any]) -> None:
    with torch.inference_mode(False), torch.enable_grad():
        run()


def installed() -> dict[str, Any]:
    """The peers that can be imported, by their module's name."""
    found = {}
    for name in PEERS:
        try:
            found[name] = import_module(name)
        except ImportError as error:
            print(f"left out: {name} ({error}); see benchmarks/peers.txt")
    return found


def vision_attention(model: VisionModel, size: int) -> Contest:
    """All maps of all layers."""
    photo = open_image(samples.photos()[0].path.read_bytes())
    pixels = model.pixels(model.run(photo, size, "crop").fitted.pixels)

    def plain() -> None:
        with torch.inference_mode():
            model.module(pixels)

    def extracted() -> list[Tensor]:
        fused = [block.attn.fused_attn for block in model.module.blocks]
        for block in model.module.blocks:
            block.attn.fused_attn = False
        try:
            with torch.inference_mode():
                return list(timm.utils.AttentionExtract(model.module, method="hook")(pixels).values())
        finally:
            for block, was in zip(model.module.blocks, fused, strict=True):
                block.attn.fused_attn = was

    def recorded() -> Any:
        return model.run(photo, size, "crop").traces["encoder"]

    away = _away(recorded(), tuple(extracted()))
    return Contest(
        f"All attention of a ViT-S/14 at {size} px, with framing of the photo",
        plain,
        {"Sidelight": recorded, "timm AttentionExtract": extracted},
        {"Sidelight": away},
        {"Sidelight": "linked view", "timm AttentionExtract": "tensors"},
    )


def language_attention(translator: Translator, peers: dict[str, Any]) -> Contest:
    """All maps of encoder, decoder and cross-attention of one sentence, the output given."""
    sentence = samples.photos()[0].caption
    source, axis = translator.source_pieces(sentence, "deu")
    output = translator.search(source, 1, 60, None, "deu")
    folder = card(default("translation").key).folder
    eager = MarianMTModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    inputs = {"input_ids": source, "decoder_input_ids": output[:, :-1]}

    def plain() -> None:
        with torch.inference_mode():
            translator.module(**inputs)

    def asked() -> Any:
        with torch.inference_mode():
            return eager(**inputs, output_attentions=True)

    read, maps = partial(translator.read, source, axis, output), asked()
    given = {"encoder": maps.encoder_attentions, "decoder": maps.decoder_attentions, "cross": maps.cross_attentions}
    away = {"Sidelight": max(_away(trace, given[kind]) for kind, trace in read().traces.items())}
    runs: dict[str, Callable[[], Any]] = {"Sidelight": read, "transformers output_attentions": asked}
    shows = {"Sidelight": "linked view, words, probabilities", "transformers output_attentions": "tensors"}
    if "inseq" in peers:
        model = peers["inseq"].load_model(str(folder), "attention", tokenizer=str(folder))
        texts = (f">>deu<< {sentence}", translator.text(output[0]))
        run = partial(model.attribute, *texts, show_progress=False)
        found = run().sequence_attributions[0].source_attributions  # source, output, layer, head
        cross = torch.stack([layer[0] for layer in given["cross"]]).permute(3, 2, 0, 1)
        runs["inseq, attention"], shows["inseq, attention"] = run, "table of cross-attention; a pass for each piece"
        away["inseq, attention"] = float((found - cross).abs().max())
    title = f"All attention of a translation, {source.shape[1]} pieces into {output.shape[1] - 1}"
    return Contest(title, plain, runs, away, shows)


def _away(trace: Any, layers: tuple[Tensor, ...]) -> float:
    rows = [(layer, head) for layer in range(trace.layers) for head in range(trace.heads)]
    return max(float((trace.map(*place).cpu() - layers[place[0]][0, place[1]]).abs().max()) for place in rows)


def files(translator: Translator, peers: dict[str, Any]) -> None:
    """The same translation as one HTML file. BertViz wants as many layers of the encoder as of the decoder: half of
    the encoder's are left out there."""
    sentence = samples.photos()[0].caption
    spoken = translator.translate(sentence, "deu", beams=1)
    maps = {kind: _layers(trace) for kind, trace in spoken.traces.items()}
    words = {"encoder_tokens": spoken.source.pieces, "decoder_tokens": spoken.decoder_input.pieces}
    asked = {f"{kind}_attention": layers for kind, layers in maps.items()} | words | {"html_action": "return"}
    asked["include_layers"] = list(range(min(map(len, maps.values()))))

    def sidelight() -> int:
        return len(View([card_of(spoken.traces, "English to German", written=spoken.target)]).html())

    runs: dict[str, Callable[[], int]] = {"Sidelight linked view": sidelight}
    if "bertviz" in peers:
        for name in ("head_view", "model_view"):
            runs[f"BertViz {name}"] = lambda name=name: len(getattr(peers["bertviz"], name)(**asked).data)
    seconds = take_turns(runs, ROUNDS)
    print("\nThat translation as one HTML file\n\n| | seconds | MB | needs a network |\n|---|---|---|---|")
    for name, run in runs.items():
        needs = "yes" if name.startswith("BertViz") else "no"
        print(f"| {name} | {seconds[name]:.3f} | {run() / 1e6:.2f} | {needs} |")


def _layers(trace: Any) -> list[Tensor]:
    """Each layer's maps (1, H, queries, keys), as BertViz wants them."""
    places = [[trace.map(layer, head).cpu() for head in range(trace.heads)] for layer in range(trace.layers)]
    return [torch.stack(heads)[None] for heads in places]


def explanations(peers: dict[str, Any]) -> Contest:
    """One map of the likeliest class."""
    model = load_vision("vision-cifar10")
    photo = open_image(samples.photos()[0].path.read_bytes())
    asked = photo_subject(model, photo, 224, "crop")
    run = model.run(photo, 224, "crop")
    pixels, best = model.pixels(run.fitted.pixels), int(asked.target or 0)
    module = copy.deepcopy(model.module)  # the others leave hooks on it

    def plain() -> None:
        with torch.inference_mode():
            model.module(pixels)

    names = {"relevance": "Sidelight relevance", "grad_cam": "Sidelight Grad-CAM"}
    names["input_gradient"] = "Sidelight input × gradient"
    runs: dict[str, Callable[[], Any]] = {title: partial(explain, asked, name) for name, title in names.items()}
    if "pytorch_grad_cam" in peers:
        last = module.blocks[-1].norm1
        cam = peers["pytorch_grad_cam"].GradCAM(module, [last], reshape_transform=_on_grid)
        target = peers["pytorch_grad_cam"].utils.model_targets.ClassifierOutputTarget(best)
        runs["pytorch-grad-cam"] = partial(cam, pixels.clone().requires_grad_(), [target])
    if "captum" in peers:
        attr = import_module("captum.attr")
        runs["captum InputXGradient"] = partial(attr.InputXGradient(module).attribute, pixels, target=best)
        many = attr.IntegratedGradients(module).attribute
        runs[f"captum IntegratedGradients, {STEPS} steps"] = partial(many, pixels, target=best, n_steps=STEPS)
    shows = {name: "map, with its faithfulness" if name.startswith("Sidelight") else "array" for name in runs}
    return Contest("One explanation of a class of the ViT at 224 px", plain, runs, {}, shows)


def _on_grid(tokens: Tensor) -> Tensor:
    side = int((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].reshape(len(tokens), side, side, -1).permute(0, 3, 1, 2)


def main() -> None:
    peers = installed()
    names = [name.replace("pytorch_grad_cam", "grad-cam") for name in ("torch", "timm", "transformers", *peers)]
    print(", ".join(f"{name} {version(name)}" for name in names) + f"; load before {os.getloadavg()[0]:.1f}")
    seer, translator = load_vision(default("vision").key), load_translator(default("translation").key)
    for size in SIZES:
        vision_attention(seer, size).report()
    language_attention(translator, peers).report()
    files(translator, peers)
    explanations(peers).report()


if __name__ == "__main__":
    main()
