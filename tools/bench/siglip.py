"""Writes a SigLIP image tower of so400m-patch14-384's shape with random weights, and a bundle around it."""

import hashlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIDE, PATCH, WIDTH, WIDE, LAYERS, HEADS = 384, 14, 1152, 4304, 27, 16


class Graph:
    """Nodes and weights under construction."""

    def __init__(self) -> None:
        self.nodes, self.weights, self.rng = [], [], np.random.default_rng(0)

    def weight(self, name: str, *shape: int, value: float | None = None) -> str:
        if value is None:
            data = self.rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))
        else:
            data = np.full(shape, value, np.float32)
        self.weights.append(numpy_helper.from_array(data, name))
        return name

    def constant(self, name: str, values) -> str:
        self.weights.append(numpy_helper.from_array(np.array(values), name))
        return name

    def add(self, kind: str, name: str, *inputs: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, name: str, x: str, rows: int, columns: int) -> str:
        product = self.add("MatMul", f"{name}.product", x, self.weight(f"{name}.weight", rows, columns))
        return self.add("Add", f"{name}.sum", product, self.weight(f"{name}.bias", columns, value=0.0))

    def norm(self, name: str, x: str) -> str:
        scale, bias = self.weight(f"{name}.scale", WIDTH, value=1.0), self.weight(f"{name}.bias", WIDTH, value=0.0)
        return self.add("LayerNormalization", name, x, scale, bias, axis=-1, epsilon=1e-6)

    def heads(self, name: str, x: str, order: list[int]) -> str:
        split = self.add("Reshape", f"{name}.split", x, "split")
        return self.add("Transpose", f"{name}.turned", split, perm=order)

    def attention(self, name: str, queries: str, tokens: str) -> str:
        query = self.heads(f"{name}.q", self.linear(f"{name}.query", queries, WIDTH, WIDTH), [0, 2, 1, 3])
        key = self.heads(f"{name}.k", self.linear(f"{name}.key", tokens, WIDTH, WIDTH), [0, 2, 3, 1])
        value = self.heads(f"{name}.v", self.linear(f"{name}.value", tokens, WIDTH, WIDTH), [0, 2, 1, 3])
        scores = self.add("Mul", f"{name}.scaled", self.add("MatMul", f"{name}.scores", query, key), "scale")
        mixed = self.add("MatMul", f"{name}.mixed", self.add("Softmax", f"{name}.share", scores, axis=-1), value)
        joined = self.add("Reshape", f"{name}.joined", self.add("Transpose", f"{name}.back", mixed, perm=[0, 2, 1, 3]), "join")
        return self.linear(f"{name}.out", joined, WIDTH, WIDTH)

    def mlp(self, name: str, x: str) -> str:
        up = self.linear(f"{name}.up", x, WIDTH, WIDE)
        active = self.add("Gelu", f"{name}.active", up, approximate="tanh")
        return self.linear(f"{name}.down", active, WIDE, WIDTH)


def tower(path: Path) -> None:
    """One photo [1, 3, 384, 384] to one embedding [1, 1152], opset 20, 1.7 GB."""
    graph, across = Graph(), SIDE // PATCH
    graph.constant("split", [1, -1, HEADS, WIDTH // HEADS])
    graph.constant("join", [1, -1, WIDTH])
    graph.constant("flat", [1, WIDTH, across * across])
    graph.constant("pooled", [1, WIDTH])
    graph.constant("scale", np.float32((WIDTH // HEADS) ** -0.5))
    kernel = graph.weight("patch.weight", WIDTH, 3, PATCH, PATCH)
    patches = graph.add("Conv", "patch", "pixel_values", kernel, strides=[PATCH, PATCH])
    tokens = graph.add("Transpose", "tokens", graph.add("Reshape", "patches", patches, "flat"), perm=[0, 2, 1])
    x = graph.add("Add", "placed", tokens, graph.weight("position", 1, across * across, WIDTH))
    for layer in range(LAYERS):
        name = f"layer{layer}"
        normed = graph.norm(f"{name}.norm1", x)
        x = graph.add("Add", f"{name}.middle", x, graph.attention(f"{name}.attention", normed, normed))
        x = graph.add("Add", f"{name}.end", x, graph.mlp(f"{name}.mlp", graph.norm(f"{name}.norm2", x)))
    # The pooling head: one learned query looks at every patch.
    pooled = graph.attention("head.attention", graph.weight("head.probe", 1, 1, WIDTH), graph.norm("last", x))
    pooled = graph.add("Add", "head.end", pooled, graph.mlp("head.mlp", graph.norm("head.norm", pooled)))
    graph.add("Reshape", "embedding", pooled, "pooled")
    pixels = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, WIDTH])
    built = helper.make_graph(graph.nodes, "siglip", [pixels], [embedding], graph.weights)
    save(helper.make_model(built, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def bundle(folder: Path, encoder: Path, tiny: Path) -> None:
    """The tiny bundle with another image tower; its text tower and head don't fit and are not run."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (tiny / "bundle.toml").read_text()
    for file in tiny.glob("*.*"):
        if file.suffix in (".gguf", ".onnx", ".json") and file.name != "image_encoder.onnx":
            link(folder / file.name, file)
    link(folder / "image_encoder.onnx", encoder)
    with encoder.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    before, after = text.split("[files.image_encoder]")
    part, rest = after.split("[files.text_encoder]")
    lines = {"sha256": f'"{digest}"', "size": encoder.stat().st_size}
    part = "\n".join(replaced(line, lines) for line in part.split("\n"))
    sizes = {"raw_dim": WIDTH, "image_size": SIDE, "views": "[1.0]"}
    head, language = rest.split("[language]")
    head = "\n".join(replaced(line, sizes) for line in head.split("\n"))
    (folder / "bundle.toml").write_text(f"{before}[files.image_encoder]{part}[files.text_encoder]{head}[language]{language}")


def replaced(line: str, values: dict) -> str:
    name = line.split(" = ")[0]
    return f"{name} = {values[name]}" if name in values else line


def link(at: Path, to: Path) -> None:
    at.unlink(missing_ok=True)
    at.symlink_to(to.resolve())
