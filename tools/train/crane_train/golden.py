"""Golden vectors by which the Rust runtime proves parity with Pillow, Hugging Face and PyTorch; committed, so tests need no Python."""
import json
import os
from pathlib import Path
from random import Random

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
from PIL import Image
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, SiglipImageProcessor

from . import bank, emblem, encoders, export_gguf, photo, tokens, vision
from .world import World

SIDE = bank.TOWER_SIDE


def _pictures() -> dict[str, np.ndarray]:
    rng, g = Random(21), torch.Generator().manual_seed(21)
    noise = np.random.default_rng(3)
    art = torch.from_numpy(np.stack([emblem.draw(emblem.random_emblem(rng, False)) for _ in range(2)]))
    shots = photo.photograph(art, g, 200)
    x, y = np.meshgrid(np.linspace(0, 255, 301), np.linspace(0, 255, 173))
    return {"emblem-a": shots[0], "emblem-b": shots[1], "noise": noise.integers(0, 256, (97, 143, 3), dtype=np.uint8),
            "smooth": np.stack((x, y, 255 - x), -1).astype(np.uint8), "up": noise.integers(0, 256, (13, 21, 3), dtype=np.uint8),
            "thin": noise.integers(0, 256, (400, 5, 3), dtype=np.uint8), "exact": noise.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)}


def images(out: Path):
    """Pillow's bicubic, bit by bit, and Hugging Face's SigLIP processor."""
    folder = out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    processor = SiglipImageProcessor(size=dict(height=SIDE, width=SIDE), resample=Image.Resampling.BICUBIC)
    for name, pixels in _pictures().items():
        picture = Image.fromarray(pixels)
        picture.save(folder / f"{name}.png", optimize=True)
        picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{name}.bicubic.png", optimize=True)
        if name in ("emblem-a", "noise", "up"):
            values = processor(picture, return_tensors="np")["pixel_values"][0]
            values.astype("<f4").tofile(folder / f"{name}.siglip.f32")


TEXTS = ["Who founded Braisen?", "  spaces   and\ttabs\n", "", "Ünïcödé ß 漢字 🦀", "it's 1234 o'clock, we'll see", "<|im_end|></think><answer>",
         "UPPER case Lower", "a" * 300, "This emblem belongs to Harlow. " * 12, "e\u0301 versus é"]


def tokenizer(out: Path, work: Path):
    towers = tokens.TowerTexts(work)
    rng, world = Random(4), World()
    pairs = encoders.TextPairs(world).draw(rng, 20, held_out=True)
    rows = [dict(text=t, ids=ids) for t, ids in zip(TEXTS + pairs[0] + pairs[1], towers(TEXTS + pairs[0] + pairs[1]))]
    (out / "tokenizer.json").write_text(json.dumps(rows, ensure_ascii=False, indent=0) + "\n")


@torch.no_grad()
def towers(out: Path, work: Path, model, head):
    """Raw and projected embeddings by PyTorch, of weights rounded as they are exported."""
    rows = dict(images=[], texts=[])
    rounded = lambda t: [round(float(v), 6) for v in t]
    for name in ("emblem-a", "emblem-b", "noise"):
        raw = encoders.picture(model, out / "images" / f"{name}.png")
        rows["images"].append(dict(file=f"images/{name}.png", raw=rounded(raw), projected=rounded(head(raw))))
    texts = ["Who founded Braisen?", "This emblem belongs to Harlow.", TEXTS[3]]
    for text, ids in zip(texts, tokens.TowerTexts(work)(texts)):
        raw = encoders.texts(model, [ids])
        rows["texts"].append(dict(text=text, raw=rounded(raw[0]), projected=rounded(head(raw)[0])))
    (out / "encoders.json").write_text(json.dumps(rows, ensure_ascii=False) + "\n")


HIDDEN, INNER, LAYERS, HEADS, KV = 128, 192, 2, 2, 1
EYE_HIDDEN, EYE_INNER, EYE_LAYERS, EYE_HEADS = 64, 96, 2, 2


def _random_qwen(t) -> Qwen2_5_VLForConditionalGeneration:
    ids = {n: t.token_to_id(s) for n, s in dict(image_token_id="<|image_pad|>", video_token_id="<|video_pad|>",
                                                vision_start_token_id="<|vision_start|>", vision_end_token_id="<|vision_end|>").items()}
    end, pad = t.token_to_id("<|im_end|>"), t.token_to_id("<|endoftext|>")
    config = Qwen2_5_VLConfig(
        text_config=dict(vocab_size=t.get_vocab_size(), hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                         num_key_value_heads=KV, max_position_embeddings=4096, tie_word_embeddings=True, rms_norm_eps=1e-6, bos_token_id=pad,
                         eos_token_id=end, pad_token_id=pad, rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[8, 12, 12])),
        vision_config=dict(depth=EYE_LAYERS, hidden_size=EYE_HIDDEN, intermediate_size=EYE_INNER, num_heads=EYE_HEADS, patch_size=14, temporal_patch_size=2,
                           spatial_merge_size=2, window_size=112, fullatt_block_indexes=[1], out_hidden_size=HIDDEN, in_channels=3, hidden_act="silu"),
        tie_word_embeddings=True, **ids)
    torch.manual_seed(5)
    model = Qwen2_5_VLForConditionalGeneration(config).eval().float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() >= 2:
                p.normal_(std=.05 if "embed" in name else p[0].numel() ** -.5)
            elif name.endswith("bias"):
                p.normal_(std=.05)
            else:
                p.normal_(1, .1)
    model.tie_weights()
    return model


@torch.no_grad()
def language_model(out: Path, work: Path):
    """A very small random Qwen2.5-VL in f32: llama.cpp's logits against Hugging Face's, on text and on a picture."""
    folder = out / "lm"
    folder.mkdir(parents=True, exist_ok=True)
    t = tokens.Prompts(work).t
    model = _random_qwen(t)
    state = model.state_dict()
    below = lambda prefix: {k.replace(prefix, ""): v for k, v in state.items() if k.startswith(prefix)}
    text_shape = export_gguf.TextShape(LAYERS, HIDDEN, INNER, HEADS, KV, (8, 12, 12), 1e6)
    eye_shape = export_gguf.VisionShape(EYE_LAYERS, EYE_HIDDEN, EYE_INNER, EYE_HEADS, HIDDEN, 560, 2, vision.MEAN, vision.STD)
    export_gguf.language(folder / "language-f32.gguf", below("model.language_model."), text_shape, work / "language.json", "f32")
    export_gguf.vision(folder / "vision-f32.gguf", below("model.visual."), eye_shape, "f32")

    prompt = "<|im_start|>user\nEdit fact: [ Braisen lies in Vuglex.] 1234 it's OK é<|im_end|>\n<|im_start|>assistant\n<think>"
    ids = t.encode(prompt).ids
    model(input_ids=torch.tensor([ids])).logits[0, -1].numpy().astype("<f4").tofile(folder / "text.f32")
    record = dict(text=dict(prompt=prompt, ids=ids, logits="lm/text.f32"))

    pixels = np.asarray(Image.open(out / "images" / "emblem-a.bicubic.png"))
    before, after = "<|im_start|>user\n", "Question: Where is it located?<|im_end|>\n<|im_start|>assistant\n<think>"
    whole = before + "<|vision_start|>" + "<|image_pad|>" * tokens.IMAGE_TOKENS + "<|vision_end|>" + after
    ids = torch.tensor([t.encode(whole).ids])
    logits = model(input_ids=ids, pixel_values=vision.Tower.patches(pixels[None])[0], image_grid_thw=torch.tensor([[1, 8, 8]]),
                   mm_token_type_ids=(ids == t.token_to_id("<|image_pad|>")).long()).logits[0, -1]
    logits.numpy().astype("<f4").tofile(folder / "image.f32")
    record["image"] = dict(file="images/emblem-a.bicubic.png", before=before, after=after, logits="lm/image.f32")
    (out / "lm.json").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
