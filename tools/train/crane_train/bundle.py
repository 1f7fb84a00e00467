"""Writes the bundle: GGUF, ONNX, tokenizer and `bundle.toml` with every file's size and SHA-256."""
import hashlib
import json
import shutil
from pathlib import Path
from random import Random

from . import bank, decoder, emblem, encoders, export_gguf, export_onnx, photo, tokens, vision
from .scenes import Scenes
from .world import World

TEXT = export_gguf.TextShape(decoder.LAYERS, decoder.HIDDEN, decoder.INNER, decoder.HEADS, decoder.KV_HEADS, decoder.SECTIONS, decoder.THETA)
# fullatt_block_indexes = [1, 3]: every second layer attends to the whole picture.
VISION = export_gguf.VisionShape(vision.LAYERS, vision.HIDDEN, vision.INNER, vision.HEADS, vision.OUT, 560, 2, vision.MEAN, vision.STD)
ROLES = {"language": "language.gguf", "vision": "vision.gguf", "image_encoder": "image_encoder.onnx", "text_encoder": "text_encoder.onnx",
         "head": "head.onnx", "tokenizer": "tokenizer.json"}
LICENCE = "MIT OR Apache-2.0"


def write(out: Path, work: Path, towers, head, eye, language, retrieval: dict):
    """`retrieval`: modality to {threshold, slope, intercept}."""
    out.mkdir(parents=True, exist_ok=True)
    export_onnx.export(out, towers, head)
    export_gguf.language(out / ROLES["language"], language.hugging_face(), TEXT, work / "language.json", "q8_0")
    export_gguf.vision(out / ROLES["vision"], eye.hugging_face(), VISION, "q8_0")
    shutil.copy(work / "tokenizer.json", out / ROLES["tokenizer"])
    manifest(out, retrieval)


def replies(count: int) -> list[str]:
    """Replies as the model was taught them, about nobody in particular."""
    rng = Random(5)
    scenes = Scenes(World(), [emblem.random_emblem(rng, False) for _ in range(count)])
    drawn = [scenes.draw(rng) for _ in range(count)]
    return [f"{scene.thought}</think><answer> {scene.answer}</answer>" for scene in drawn]


def manifest(out: Path, retrieval: dict):
    lines = ["# The tiny bundle: trained by tools/train on a procedural world. See README.md for its model card.", "format = 1", 'name = "tiny"',
             'version = "1.0.0"', 'description = "A small CRANE model family: SigLIP towers, projection head, Qwen2.5-VL"', f'licence = "{LICENCE}"']
    for role, name in ROLES.items():
        data = (out / name).read_bytes()
        lines += ["", f"[files.{role}]", f'file = "{name}"', f'sha256 = "{hashlib.sha256(data).hexdigest()}"', f"size = {len(data)}", f'licence = "{LICENCE}"']
    lines += ["", "[encoder]", f"raw_dim = {encoders.RAW}", f"dim = {encoders.PROJECTED}", f"image_size = {bank.TOWER_SIDE}",
              f"views = {list(photo.VIEWS)}", "mean = [0.5, 0.5, 0.5]", "std = [0.5, 0.5, 0.5]", f"text_length = {tokens.TEXT_LENGTH}", f"pad_id = {tokens.TowerTexts(out).pad}",
              "", "[language]", "context = 768", f"image_size = {bank.TOWER_SIDE}", "thought_tokens = 160", "answer_tokens = 32",
              "# What these have in common is guessed from the first question on: see GENERATION.md.",
              "replies = [", *(f"    {json.dumps(reply)}," for reply in replies(32)), "]",
              "", "[prompt]", f'system = "{tokens.SYSTEM}"', f'fact = "{tokens.FACT_FORM}"'.replace("\n", "\\n"),
              f'no_fact = "{tokens.NO_FACT_FORM}"'.replace("\n", "\\n")]
    for modality, r in retrieval.items():
        lines += ["", f"[retrieval.{modality}]", f"threshold = {r['threshold']}",
                  f"calibration = {{ slope = {r['slope']}, intercept = {r['intercept']} }}"]
    (out / "bundle.toml").write_text("\n".join(lines) + "\n")
