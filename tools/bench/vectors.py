"""Vectors to search: random ones, and what the towers of models/tiny make of texts and photos of the training world.

Vector `i` of a kind is the same in every run, and no real one is a copy or a jitter of another. Real ones take a
millisecond (text) or twenty (photo) each and are kept in `.local/search-vectors`.
"""
import functools
import sys
import tomllib
from pathlib import Path
from random import Random

import numpy as np

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models/tiny"
KEPT = ROOT / ".local/search-vectors"
BATCH = 250
sys.path.insert(0, str(ROOT / "tools/train"))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def of(kind: str, rows: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and queries, f32 of unit length with values that f16 holds, so that all contestants search the same."""
    if kind == "random":
        rng = np.random.default_rng(1)
        made = unit(rng.standard_normal((rows + queries, 256), dtype=np.float32))
        made = made[:rows], made[rows:]
    else:
        asked = [i * rows // queries for i in range(queries)]
        made = kept(kind, "row", list(range(rows))), kept(kind, "query", asked)
    return tuple(vectors.astype(np.float16).astype(np.float32) for vectors in made)


def kept(kind: str, role: str, numbers: list[int]) -> np.ndarray:
    """Embeddings by number: from the files of earlier runs, made where they are not in one. A file holds one batch."""
    folder = KEPT / f"{kind}-{role}"
    folder.mkdir(parents=True, exist_ok=True)
    if role == "query":  # Few, and seldom the same ones.
        return embed(kind, role, numbers)
    batches = []
    for first in range(0, len(numbers), BATCH):
        file = folder / f"{first}.npy"
        if not file.exists():
            print(f"\r{kind}: {first} of {len(numbers)} embedded", end="", file=sys.stderr, flush=True)
            np.save(file, embed(kind, role, list(range(first, first + BATCH))))
        batches.append(np.load(file))
    return np.concatenate(batches)[:len(numbers)]


def embed(kind: str, role: str, numbers: list[int]) -> np.ndarray:
    raw = [{"text": texts, "image": photos}[kind](role, numbers[at:at + 50]) for at in range(0, len(numbers), 50)]
    return unit(session("head").run(None, {"raw": np.concatenate(raw)})[0])


@functools.cache
def session(name: str):
    import onnxruntime
    return onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"), providers=["CPUExecutionProvider"])


@functools.cache
def bundle() -> dict:
    return tomllib.loads((ROOT / "models/tiny/bundle.toml").read_text())["encoder"]


def texts(role: str, numbers: list[int]) -> np.ndarray:
    """Row `i` states a fact about subject `i`; query `i` asks for it."""
    from crane_train import language, names, world
    from tokenizers import Tokenizer
    tokenizer, everything, ids = Tokenizer.from_file(str(ROOT / "models/tiny/tokenizer.json")), world.World(), []
    for number in numbers:
        rng = Random(f"text {number}")
        subject, relation = names.invent(rng, True), rng.choice(("city", "founder", "ware", "field", "charge"))
        text = language.statement(rng, relation, subject, language.target_for(rng, everything, relation, True, None))
        if role == "query":
            text = rng.choice(language.TEXT_QUESTIONS[relation]).format(s=subject)
        tokens = tokenizer.encode(text).ids[:bundle()["text_length"]]
        ids.append(tokens + [bundle()["pad_id"]] * (bundle()["text_length"] - len(tokens)))
    return session("text_encoder").run(None, {"input_ids": np.array(ids, np.int64)})[0]


def photos(role: str, numbers: list[int]) -> np.ndarray:
    """Row and query `i` are two photos of emblem `i`, embedded as the runtime does: the mean over its views."""
    from crane_train import emblem
    side, pixels = bundle()["image_size"], []
    for number in numbers:
        shown = emblem.random_emblem(Random(f"image {number}"), True)
        photo = photograph(emblem.draw(shown), Random(f"{role} {number}"))
        for share in bundle()["views"]:
            edge = round(photo.width * (1 - share) / 2)
            view = photo.crop((edge, edge, photo.width - edge, photo.height - edge)).resize((side, side), 3)
            pixels.append(np.asarray(view, np.float32).transpose(2, 0, 1) / 127.5 - 1)
    raw = session("image_encoder").run(None, {"pixel_values": np.stack(pixels)})[0]
    return raw.reshape(len(numbers), len(bundle()["views"]), -1).mean(1)


def photograph(art: np.ndarray, rng: Random):
    """An emblem on a wall: turned, moved, lit, blurred and grained, 224 pixels a side."""
    from PIL import Image, ImageEnhance, ImageFilter
    wall = Image.new("RGB", (224, 224), tuple(rng.randint(40, 220) for _ in range(3)))
    size = rng.randint(120, 190)
    art = Image.fromarray(art).resize((size, size)).rotate(rng.uniform(-20, 20), expand=True, resample=2)
    place = [(224 - art.width) // 2 + rng.randint(-20, 20), (224 - art.height) // 2 + rng.randint(-20, 20)]
    wall.paste(art.convert("RGB"), place, art.getchannel("A"))
    wall = ImageEnhance.Brightness(wall).enhance(rng.uniform(.65, 1.25)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, 7, (224, 224, 3))
    return Image.fromarray((np.asarray(wall) + grain).clip(0, 255).astype(np.uint8))
