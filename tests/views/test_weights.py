"""The weights that the browser computes are the library's: of ten architectures, and of every kind of mask."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import transformers as hf
from torch import Tensor
from torch.nn import functional as F

import core.views.linked
from core.attention.axes import TokenAxis
from core.attention.parts import part_traces
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Kind
from core.models.vision.windows import windowed_trace
from core.views.linked.arrays import Arrays
from core.views.linked.scores import trace_header
from core.views.scripts import bundle
from tests.attention.architectures import CASES as ARCHITECTURES
from tests.attention.architectures import FORMED, LLAMA, VOCABULARY, from_timm
from tests.models.test_detection import detr
from tests.models.untrained import PHOTO, spread

HERE = Path(__file__).parent
SCRIPTS = sorted(Path(core.views.linked.__file__).parent.glob("*.js"))
N, WINDOW = 9, 3  # positions of a text; a sliding window shorter than it
METHODS = ("mean", "max", "value")


def language(config: hf.PretrainedConfig, kind: type) -> Callable[[], object]:
    """A decoder of two layers, weights large enough that attention is far from even."""
    torch.manual_seed(0)
    model = spread(kind._from_config(config, attn_implementation="sdpa"))
    return lambda: model(input_ids=torch.randint(2, VOCABULARY, (1, N)))


ALIBI = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": True}
RUNS: dict[str, Callable[[], Callable[[], object]]] = {
    "t5": lambda: ARCHITECTURES["t5"]().run,
    "falcon-alibi": lambda: language(hf.FalconConfig(**ALIBI), hf.FalconForCausalLM),
    "mistral-window": lambda: language(hf.MistralConfig(**LLAMA, sliding_window=WINDOW), hf.MistralForCausalLM),
    "llama-grouped": lambda: language(hf.LlamaConfig(**LLAMA), hf.LlamaForCausalLM),
    "marian": lambda: ARCHITECTURES["marian"]().run,
    "bart": lambda: ARCHITECTURES["bart"]().run,
    "vit": lambda: from_timm("vit_tiny_patch16_224").run,
    "deit": lambda: from_timm("deit_tiny_distilled_patch16_224").run,
    "eva-rope": lambda: from_timm("eva02_tiny_patch14_224", patch_size=16).run,
    "detr": lambda: lambda: detr().detect(PHOTO, 128),
    "deberta, which forms its weights": lambda: FORMED["deberta"]().run,
    "gemma2, which forms its weights": lambda: FORMED["gemma2-soft-cap"]().run,
}


def recorded(run: Callable[[], object]) -> list[AttentionTrace]:
    """Each call as a trace of its own, of the last item: of a batch of texts the one with padding."""
    with torch.inference_mode(), Tape.record(values=True) as tape:
        run()
    return [alone(call) for call in tape.calls]


def axis(count: int) -> TokenAxis:
    return TokenAxis(("a",) * count, tuple(range(count)), (False,) * count)


def alone(call: AttentionCall) -> AttentionTrace:
    axes = (axis(call.query.shape[2]), axis(call.key.shape[2]))
    return AttentionTrace.from_calls("encoder", [call], *axes, item=len(call.query) - 1)


def called(
    *shape: int, mask: Tensor | None = None, groups: int = 1, sharp: float = 1.0, weak: float = 1.0, **options: bool
) -> list:
    """One call of random query (times `sharp`), key (times `weak`) and value; shape: items, heads, queries, keys."""
    torch.manual_seed(3)
    items, heads, queries, keys = shape
    query, key = sharp * torch.randn(items, heads, queries, 8), weak * torch.randn(items, heads // groups, keys, 8)
    value = torch.randn(items, heads // groups, keys, 8)
    return recorded(lambda: F.scaled_dot_product_attention(query, key, value, mask, enable_gqa=groups > 1, **options))


LATER = torch.ones(N, N).triu(1).bool()
FAR = (torch.arange(N)[:, None] - torch.arange(N)).abs() > 2
SLOPES = torch.arange(64) * 2.0 ** -torch.arange(4)[:, None, None]  # of ALiBi, by the key alone
LEAST = torch.finfo(torch.float32).min


def closed(where: Tensor, value: float = -torch.inf) -> Tensor:
    return torch.zeros(where.shape).masked_fill(where, value)


MASKS: dict[str, Callable[[], list]] = {
    "none": lambda: called(2, 4, 6, N),
    "flag": lambda: called(1, 4, N, N, is_causal=True),
    "grouped keys": lambda: called(2, 6, N, N, groups=3, is_causal=True),
    "boolean": lambda: called(2, 4, N, N, mask=~FAR),
    "boolean, a row that sees nothing": lambda: called(1, 2, N, N, mask=~LATER & (torch.arange(N) > 0)[:, None]),
    "additive, an item each": lambda: called(2, 4, N, N, mask=3 * torch.randn(2, 1, N, N)),
    "additive, a head each": lambda: called(2, 4, N, N, mask=3 * torch.randn(1, 4, N, N) + closed(LATER)),
    "keys alone": lambda: called(2, 4, N, N, mask=closed(torch.arange(N) > 5, LEAST).expand(2, 1, 1, N)),
    "rows that are closed all along": lambda: called(1, 2, N, N, mask=closed(LATER | (torch.arange(N) < 2), LEAST)),
    "slopes": lambda: called(1, 4, 64, 64, mask=8 * SLOPES),
    "slopes behind a triangle": lambda: called(1, 4, 64, 64, mask=SLOPES + closed(torch.ones(64, 64).triu(1).bool())),
    "large scores": lambda: called(1, 4, 64, 64, sharp=100.0),
    "beyond half precision": lambda: called(1, 4, N, N, sharp=1e6, weak=1e-4),
    "a bias beyond half precision": lambda: called(1, 4, N, N, mask=1e6 * torch.randn(1, 1, N, N)),
    "a sink that takes all but nothing": lambda: called(1, 2, N, N, mask=12.0 * (torch.arange(N) == 0)[None]),
}


def windows(module: torch.nn.Module, kind: Kind, side: int = 32) -> list[AttentionTrace]:
    """Each layer of a model with windows or pooled keys."""
    torch.manual_seed(4)
    pixels, box = torch.randn(1, 3, side, side), (0.0, 0.0, float(side), float(side))
    layers = windowed_trace(spread(module.eval()), pixels, box, (side, side)).layers
    return [
        AttentionTrace.from_calls(kind, [one.over_grid()], one.query_axis, one.key_axis)
        for one in layers
        if one.heads > 1
    ]


SWIN = {"image_size": 32, "embed_dim": 16, "depths": [2], "num_heads": [2], "window_size": 4}
PVT: dict = {"depths": (1, 1, 1, 1), "embed_dims": (16, 16, 16, 16), "num_heads": (1, 2, 2, 2), "num_classes": 0}
WINDOWS: dict[str, Callable[[], list[AttentionTrace]]] = {
    "windows": lambda: windows(hf.SwinModel(hf.SwinConfig(**SWIN)), "encoder"),
    "pooled keys": lambda: windows(timm.create_model("pvt_v2_b0", **PVT), "cross", 64),
}
CASES: dict[str, Callable[[], list[AttentionTrace]]] = (
    MASKS | WINDOWS | {name: lambda run=run: recorded(run()) for name, run in RUNS.items()}
)


@pytest.fixture(scope="module")
def traces() -> dict[str, list[AttentionTrace]]:
    return {name: make() for name, make in CASES.items()}


@pytest.fixture(scope="module")
def payload(traces: dict[str, list[AttentionTrace]]) -> bytes:
    """All traces; in each the first key is what `hide` hides."""
    arrays, every = Arrays(), [trace for found in traces.values() for trace in found]
    headers = [trace_header(trace, arrays) for trace in every]
    return arrays.behind({"traces": headers, "hidden": [[0]] * len(every)})


@pytest.fixture(scope="module")
def found(chromium, payload: bytes, traces: dict) -> dict[str, list[dict]]:
    """What a browser computes of them, by the view's own modules."""
    page = chromium.empty_page()
    page.add_script_tag(content=bundle(HERE / "measured.js"))
    every = iter(page.evaluate("decoded", base64.b64encode(payload).decode()))
    return {name: [next(every) for _ in own] for name, own in traces.items()}


def close(numbers: list, expected: Tensor) -> None:
    """Within 2% of the largest of each row."""
    off = (torch.tensor(numbers) - expected).abs().amax(-1)
    assert bool((off <= 0.02 * expected.amax(-1)).all()), f"off by {float(off.max())}"


@pytest.mark.parametrize("name", CASES)
def test_rows_columns_and_methods_are_the_librarys(found: dict, traces: dict, name: str) -> None:
    for numbers, trace in zip(found[name], traces[name], strict=True):
        maps = torch.stack([trace.map(0, head) for head in range(trace.heads)])  # (H, Nq, Nk)
        heads, queries = range(maps.shape[0]), range(maps.shape[1])
        rows = torch.stack([torch.stack([trace.row(0, head, query) for query in queries]) for head in heads])
        close(numbers["rows"][0], rows)
        off = (torch.tensor(numbers["columns"][0]).mT - maps).abs().amax(-1)
        assert bool((off <= 0.02 * maps.amax(-1)).all())
        assert torch.tensor(numbers["rows"][0]).sum(-1).numpy() == pytest.approx(maps.sum(-1).numpy(), abs=1e-3)
        expected = by_method(trace, maps)
        for x, method in enumerate(METHODS):
            close(numbers["merged"][0][x], expected[method])


@pytest.mark.parametrize("name", CASES)
def test_without_the_first_key_rows_and_columns_are_the_librarys(found: dict, traces: dict, name: str) -> None:
    for numbers, trace in zip(found[name], traces[name], strict=True):
        maps = torch.stack([trace.map(0, head) for head in range(trace.heads)]).double()
        maps[..., 0] = 0
        left = maps.sum(-1, keepdim=True)
        told = (left > 1e-5).all(0)[:, 0]  # rows of which float32 leaves something, in all heads
        expected = by_method(trace, (maps / left.clamp_min(1e-30)).float())
        for x, method in enumerate(METHODS):
            close(torch.tensor(numbers["hidden"][0][x])[told].tolist(), expected[method][told])
            columns = torch.tensor(numbers["hiddenColumns"][0][x]).mT[:, 1:]  # (Nq, Nk - 1)
            close(columns[told].tolist(), expected[method][told][:, 1:])


def by_method(trace: AttentionTrace, maps: Tensor) -> dict[str, Tensor]:
    """Maps of all heads (H, Nq, Nk) as one, (Nq, Nk), by the way in which heads are put together."""
    norms = trace.calls[0].value[trace.item].float().norm(dim=-1)  # (Hk, Nk)
    norms = (norms / norms.mean(-1, keepdim=True).clamp_min(1e-9)).repeat_interleave(trace.heads // len(norms), 0)
    weighted = (maps * norms[:, None]).mean(0)
    value = weighted / weighted.sum(-1, keepdim=True).clamp_min(1e-30)
    return {"mean": maps.mean(0), "max": maps.amax(0), "value": value}


PARTS = ([0, 1, 5], [4, 3, 2], [6, 7, 8])  # a prompt, a photo whose patches stand in another order, what is written


def test_parts_of_one_attention_are_the_whole_told_apart(tmp_path: Path) -> None:
    """What the last three positions read: rows and methods of the parts side by side are the whole row's, without the
    first key too, which one of them has."""
    (whole,) = called(1, 6, N, N, groups=3, is_causal=True)
    asked, parts = torch.arange(5, 8), [torch.tensor(part) for part in PARTS]
    own = part_traces(["cross", "cross", "decoder"], whole.calls, asked, axis(3), parts, [axis(3)] * 3)
    assert own[2].is_causal
    arrays, path = Arrays(), tmp_path / "payload.bin"
    headers = [trace_header(trace, arrays) for trace in own]
    path.write_bytes(arrays.behind({"traces": headers, "hidden": [[0], [], []]}))
    found = json.loads(node(HERE / "measure.mjs", path))
    maps, order = torch.stack([whole.map(0, head) for head in range(6)])[:, asked], [n for part in PARTS for n in part]
    for without in (False, True):
        expected = maps.clone()
        if without:
            expected[..., 0] = 0
            expected /= expected.sum(-1, keepdim=True)
        for x, method in enumerate(METHODS):
            rows = [one["hidden" if without else "merged"][0][x] for one in found]
            close(
                torch.cat([torch.tensor(each) for each in rows], -1).tolist(),
                by_method(whole, expected)[method][:, order],
            )
    together = torch.cat([torch.stack([one.map(0, head) for head in range(6)]) for one in own], -1)
    torch.testing.assert_close(together, maps[..., order])
    assert [1 / share for share in found[1]["shares"][0]] == pytest.approx([6, 7, 8]), "all that a query may see"


def test_even_shares_are_of_the_keys_that_a_query_may_see(found: dict) -> None:
    counts = [1 / share for share in found["mistral-window"][0]["shares"][0]]
    assert counts == pytest.approx([min(i + 1, WINDOW) for i in range(N)])
    assert [1 / share for share in found["t5"][2]["shares"][0]] == pytest.approx(range(1, 6)), "the decoder"
    assert 1 / found["t5"][0]["shares"][0][0] == pytest.approx(6), "three of nine are padding"
    assert 1 / found["boolean"][0]["shares"][0][0] == pytest.approx(3)
    plain, shifted = (1 / np.array(one["shares"][0]) for one in found["windows"])
    assert plain == pytest.approx(16) and shifted[0] == pytest.approx(4) and shifted[9 * 3] == pytest.approx(16)


def test_what_float16_does_not_hold_is_sent_in_float32(found: dict) -> None:
    for name in ("vit", "deit", "marian", "bart", "llama-grouped", "none", "flag"):
        assert all(one["half"] == [True] for one in found[name]), name
    for name in ("large scores", "beyond half precision"):
        assert found[name][0]["half"] == [False], name


def test_layers_that_share_a_mask_send_it_once() -> None:
    mask, arrays = torch.randn(1, 1, 64, 64), Arrays()
    with Tape.record() as tape:
        for _ in range(6):
            query, key = torch.randn(2, 1, 2, 64, 4)
            F.scaled_dot_product_attention(query, key, key, mask)
    axis = alone(tape.calls[0]).query_axis
    header = trace_header(AttentionTrace.from_calls("encoder", tape.calls, axis, axis), arrays)
    assert len({one["bias"]["at"][0] for one in header["scores"]}) == 1


def node(*arguments: object) -> str:
    program = shutil.which("node")
    if program is None:
        pytest.skip("no Node on this machine")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_arithmetic_holds_without_a_page() -> None:
    node("--test", HERE / "arithmetic.test.mjs")


def test_node_computes_what_the_browser_computes(payload: bytes, traces: dict, tmp_path: Path) -> None:
    path = tmp_path / "payload.bin"
    path.write_bytes(payload)
    every = iter(json.loads(node(HERE / "measure.mjs", path)))
    for own in traces.values():
        for trace in own:
            maps = np.stack([trace.map(0, head).numpy() for head in range(trace.heads)])
            off = np.abs(np.array(next(every)["rows"][0]) - maps).max(-1)
            assert (off <= 0.02 * maps.max(-1)).all()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_module_is_read_by_node(path: Path) -> None:
    node("--check", path)


def test_what_all_keys_share_costs_no_precision() -> None:
    """A common part of all keys moves a row's scores alike: float16 holds the layer, as for the bundled photos."""
    draw = torch.Generator().manual_seed(5)
    query, key = (torch.randn(1, 2, 40, 16, generator=draw) for _ in range(2))
    trace = AttentionTrace.from_calls(
        "encoder",
        [AttentionCall(0, query, key + 30, None, None, 0.25, False)],
        *(TokenAxis(("x",) * 40, tuple(range(40)), (False,) * 40),) * 2,
    )
    assert [layer["half"] for layer in trace_header(trace, Arrays())["scores"]] == [True]
