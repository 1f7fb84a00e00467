"""The small vocabulary: byte-level BPE with Qwen's pre-tokenizer and special tokens, and the prompt's framing."""
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from . import names
from .emblem import random_emblem
from .scenes import Scenes
from .world import World

VOCABULARY = 1280
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
    "<think>", "</think>", "<answer>", "</answer>",
]
QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SYSTEM = "Look, think, then answer. An edit fact is a note of the user."
FACT_FORM = "Edit fact: [{fact}]\nQuestion: [{question}]"
NO_FACT_FORM = "Edit fact: none\nQuestion: [{question}]"
IMAGE_TOKENS = 16
TEXT_LENGTH = 32
"""Tokens of the text tower's input; shorter texts are padded with <|endoftext|>, as SigLIP needs."""


def _corpus():
    rng = Random(1)
    scenes = Scenes(World(), [random_emblem(rng, held_out=False) for _ in range(500)])
    for _ in range(5000):
        scene = scenes.draw(rng)
        yield f"Edit fact: [ {scene.fact or 'none'}]\nQuestion: [ {scene.question}]\n{scene.thought} {scene.answer}"
        yield f"system\n{SYSTEM}\nuser\nassistant\n"
        if scene.fact:
            yield scene.fact.lower()
    for _ in range(2000):
        yield random_emblem(rng, held_out=False).caption()
    for i in range(60_000):
        name = " " + names.invent(rng, held_out=False)
        yield name.lower() if i % 4 == 0 else name


def build(folder: Path):
    """Writes `language.json` (the language model's) and `tokenizer.json` (the text tower's, which lowers case)."""
    if (folder / "tokenizer.json").exists():
        return
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(_corpus(), trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    t.save(str(folder / "language.json"))
    # The tower's texts are data: without special tokens, none can be formed; the pad is a plain id.
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    t.save(str(folder / "tokenizer.json"))


class Prompts:
    """Token ids of prompts and replies, segment by segment, exactly as the runtime forms them."""

    def __init__(self, folder: Path):
        self.t = Tokenizer.from_file(str(folder / "language.json"))
        self.image_pad = self.t.token_to_id("<|image_pad|>")
        self.end = self.t.token_to_id("</answer>")
        before, self._tail = "<|im_start|>system\n" + SYSTEM + "<|im_end|>\n<|im_start|>user\n", "]<|im_end|>\n<|im_start|>assistant\n<think>"
        self._head = self._ids(before)
        self._image = self._ids("<|vision_start|>" + "<|image_pad|>" * IMAGE_TOKENS + "<|vision_end|>")
        self._cache: dict[str, list[int]] = {}
        self.close = self._ids("</think><answer>")

    def _ids(self, text: str) -> list[int]:
        return self.t.encode(text).ids

    def _fixed(self, text: str) -> list[int]:
        if text not in self._cache:
            self._cache[text] = self._ids(text)
        return self._cache[text]

    def prompt(self, pictured: bool, fact: str | None, question: str) -> list[int]:
        ids = self._head + (self._image if pictured else [])
        if fact is None:
            ids = ids + self._fixed("Edit fact: none\nQuestion: [")
        else:
            ids = ids + self._fixed("Edit fact: [") + self._ids(" " + fact) + self._fixed("]\nQuestion: [")
        return ids + self._ids(" " + question) + self._fixed(self._tail)

    def reply(self, thought: str, answer: str) -> list[int]:
        return self._ids(thought) + self.close + self._ids(" " + answer) + [self.end]


class TowerTexts:
    """Texts as the text tower takes them: cut to, and padded to, 32 ids."""

    def __init__(self, folder: Path):
        self.t = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.pad = self.t.token_to_id("<|endoftext|>")
        self.t.enable_truncation(TEXT_LENGTH)
        self.t.enable_padding(pad_id=self.pad, pad_token="<|endoftext|>", length=TEXT_LENGTH)

    def __call__(self, texts: list[str]) -> list[list[int]]:
        return [e.ids for e in self.t.encode_batch(texts)]
