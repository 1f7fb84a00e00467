"""What 8 bits cost in retrieval: hit@1 of models/tiny's towers on its world, as they are and with their matrices in 8 bits."""

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

import vectors


def quantise(whole: Path, small: Path) -> None:
    """Dynamic, per channel, like the large tower. The files hold half precision: that is unfolded first."""
    unfolded = small.with_suffix(".f32.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(unfolded)
    onnxruntime.InferenceSession(str(whole), options, providers=["CPUExecutionProvider"])
    types = {"op_types_to_quantize": ["MatMul"], "weight_type": QuantType.QInt8, "per_channel": True}
    quantize_dynamic(unfolded, small, **types, extra_options={"MatMulConstBOnly": True})
    unfolded.unlink()


def hits(kind: str, rows: int, queries: int) -> float:
    """Share of queries whose best row is their own; exact search over f16, as the runtime's is."""
    asked = [i * rows // queries for i in range(queries)]
    known, asking = (vectors.embed(kind, *what) for what in (("row", list(range(rows))), ("query", asked)))
    known, asking = (of.astype(np.float16).astype(np.float32) for of in (known, asking))
    return float(np.mean((asking @ known.T).argmax(1) == np.array(asked)))


def report(folder: Path, rows: int, queries: int) -> None:
    whole = vectors.MODELS
    found = {}
    for name in ("f32", "int8"):
        if name == "int8":
            for encoder in ("image_encoder", "text_encoder"):
                quantise(whole / f"{encoder}.onnx", folder / f"{encoder}.onnx")
            (folder / "head.onnx").write_bytes((whole / "head.onnx").read_bytes())
            vectors.MODELS = folder
            vectors.session.cache_clear()
        found[name] = {kind: hits(kind, rows, queries) for kind in ("image", "text")}
    print(f"hit@1 on the tiny world, {rows} facts, {queries} questions each")
    for kind in ("image", "text"):
        whole_hits, small_hits = found["f32"][kind], found["int8"][kind]
        print(f"{kind:14} f32 {whole_hits:7.1%}  int8 {small_hits:7.1%}  {100 * (small_hits - whole_hits):+5.1f} points", flush=True)
