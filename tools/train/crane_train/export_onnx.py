"""Towers and head to ONNX: f32 computation on weights stored in half precision."""
from pathlib import Path

import numpy as np
import onnx
import torch

from . import bank, encoders
from .tokens import TEXT_LENGTH


class _Image(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.tower = model.vision_model

    def forward(self, pixel_values):
        return self.tower(pixel_values=pixel_values).pooler_output


class _Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.tower = model.text_model

    def forward(self, input_ids):
        return self.tower(input_ids=input_ids).pooler_output


def halve(module: torch.nn.Module) -> None:
    """Rounds weights to what half precision holds, so that the PyTorch model computes exactly what is exported."""
    with torch.no_grad():
        for p in module.parameters():
            if p.numel() >= 1024:
                p.copy_(p.half().float())


def _store_halves(path: Path):
    model = onnx.load(path)
    casts = []
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 1024:
            model.graph.initializer.remove(tensor)
            model.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), tensor.name + "_half"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name + "_half"], [tensor.name], to=onnx.TensorProto.FLOAT))
    for node in casts:
        model.graph.node.insert(0, node)
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)


def export(folder: Path, model, head):
    """Writes `image_encoder.onnx`, `text_encoder.onnx` and `head.onnx`; batch is dynamic."""
    side = bank.TOWER_SIDE
    for name, module, example, source, result in (
        ("image_encoder", _Image(model), torch.zeros(2, 3, side, side), "pixel_values", "embedding"),
        ("text_encoder", _Text(model), torch.zeros(2, TEXT_LENGTH, dtype=torch.long), "input_ids", "embedding"),
        ("head", head, torch.ones(2, encoders.RAW), "raw", "embedding"),
    ):
        path = folder / f"{name}.onnx"
        torch.onnx.export(module.eval(), (example,), str(path), input_names=[source], output_names=[result], opset_version=17,
                          dynamic_axes={source: {0: "batch"}, result: {0: "batch"}}, dynamo=False)
        _store_halves(path)
