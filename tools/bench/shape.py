"""Writes Qwen2.5-VL files of real sizes with random weights: speed does not depend on what weights say."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader, GGUFWriter

BLOCKS = 1 << 16
# Bytes of a block, its elements, and where its half-precision scales are, with their size: large enough to give finite
# numbers everywhere.
BLOCK = {
    Kind.Q4_K: (144, 256, ((0, 5e-5), (2, 4e-4))),
    Kind.Q6_K: (210, 256, ((208, 8e-6),)),
    Kind.Q8_0: (34, 32, ((0, 2e-4),)),
    Kind.F16: (2, 1, ()),
}


def pool(kind: Kind) -> np.ndarray:
    """Random blocks, which tensors repeat."""
    size, _, scales = BLOCK[kind]
    rng = np.random.default_rng(int(kind))
    if kind == Kind.F16:
        return (rng.standard_normal(BLOCKS * 64) * 0.02).astype(np.float16).view(np.uint8)
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at, scale in scales:
        blocks[:, at : at + 2] = np.full((BLOCKS, 1), scale, np.float16).view(np.uint8)
    return blocks.reshape(-1)


class Writer:
    """A GGUF file, whose tensors are made when they are written: it is larger than memory should be."""

    def __init__(self, path: Path, architecture: str):
        self.gguf = GGUFWriter(path, architecture)
        self.tensors: list[tuple[int, Kind, float]] = []
        self.pools = {kind: pool(kind) for kind in BLOCK}

    def add(self, name: str, shape: tuple[int, ...], kind: Kind = Kind.F32, value: float = 1.0) -> None:
        """`shape` is NumPy's: rows first. F32 tensors are filled with one value."""
        if kind == Kind.F32:
            size = int(np.prod(shape)) * 4
            self.gguf.add_tensor_info(name, shape, np.dtype(np.float32), size)
        elif kind == Kind.F16:
            size = int(np.prod(shape)) * 2
            self.gguf.add_tensor_info(name, shape, np.dtype(np.float16), size)
        else:
            block, elements, _ = BLOCK[kind]
            rows = (*shape[:-1], shape[-1] // elements * block)
            size = int(np.prod(rows))
            self.gguf.add_tensor_info(name, rows, np.dtype(np.uint8), size, raw_dtype=kind)
        self.tensors.append((size, kind, value))

    def write(self) -> None:
        self.gguf.write_header_to_file()
        self.gguf.write_kv_data_to_file()
        self.gguf.write_ti_data_to_file()
        for size, kind, value in self.tensors:
            data = np.full(size // 4, value, np.float32).view(np.uint8) if kind == Kind.F32 else None
            self.gguf.write_tensor_data(np.resize(self.pools[kind], size) if data is None else data)
        self.gguf.close()


def vocabulary(gguf: GGUFWriter, like: Path, size: int) -> None:
    """The tiny model's tokens, filled up with others made of them."""
    fields = GGUFReader(like).fields
    tokens = [bytes(fields["tokenizer.ggml.tokens"].parts[i]).decode() for i in fields["tokenizer.ggml.tokens"].data]
    kinds = [int(fields["tokenizer.ggml.token_type"].parts[i][0]) for i in fields["tokenizer.ggml.token_type"].data]
    merges = [bytes(fields["tokenizer.ggml.merges"].parts[i]).decode() for i in fields["tokenizer.ggml.merges"].data]
    rng, known = random.Random(0), set(tokens)
    short = [token for token, kind in zip(tokens, kinds) if kind == 1 and 2 <= len(token) <= 5]
    while len(tokens) < size:
        one, other = rng.choice(short), rng.choice(short) + rng.choice(short)
        if one + other not in known:
            known.add(one + other)
            tokens.append(one + other)
            kinds.append(1)
    gguf.add_tokenizer_model("gpt2")
    gguf.add_tokenizer_pre("qwen2")
    gguf.add_token_list(tokens)
    gguf.add_token_types(kinds)
    gguf.add_token_merges(merges)
    gguf.add_eos_token_id(tokens.index("<|im_end|>"))
    gguf.add_pad_token_id(tokens.index("<|endoftext|>"))
    gguf.add_add_bos_token(False)


@dataclass(frozen=True)
class Shape:
    """Of a language model; the vision towers of all sizes differ in what they project into alone."""

    layers: int
    width: int
    wide: int
    heads: int
    kv_heads: int
    words: int
    tied: bool
    """Whether the output reuses the embedding."""


SHAPES = {
    "3b": Shape(36, 2048, 11008, 16, 2, 151936, True),
    "7b": Shape(28, 3584, 18944, 28, 4, 152064, False),
}


@dataclass(frozen=True)
class Quantisation:
    """How a file of this kind keeps its matrices."""

    file_type: int
    plain: Kind
    careful: Kind
    """Of those matrices that matter most."""


QUANTISATIONS = {"q4_k_m": Quantisation(15, Kind.Q4_K, Kind.Q6_K), "q8_0": Quantisation(7, Kind.Q8_0, Kind.Q8_0)}


def language(path: Path, like: Path, shape: Shape, quantised: Quantisation) -> None:
    """The language model."""
    plain = quantised.plain
    layers, width, wide, heads, kv_heads = shape.layers, shape.width, shape.wide, shape.heads, shape.kv_heads
    out = Writer(path, "qwen2vl")
    meta = out.gguf
    meta.add_name(path.stem)
    meta.add_block_count(layers)
    meta.add_context_length(128000)
    meta.add_embedding_length(width)
    meta.add_feed_forward_length(wide)
    meta.add_head_count(heads)
    meta.add_head_count_kv(kv_heads)
    meta.add_layer_norm_rms_eps(1e-6)
    meta.add_rope_freq_base(1e6)
    meta.add_rope_dimension_sections([16, 24, 24, 0])
    meta.add_file_type(quantised.file_type)
    vocabulary(meta, like, shape.words)
    out.add("token_embd.weight", (shape.words, width), quantised.careful if shape.tied else plain)
    out.add("output_norm.weight", (width,))
    if not shape.tied:
        out.add("output.weight", (shape.words, width), quantised.careful)
    keys = kv_heads * width // heads
    for layer in range(layers):
        block = f"blk.{layer}."
        # As llama.cpp chooses: the first and last eighth, and every third block between.
        careful = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
        better = quantised.careful if careful else plain
        for norm in ("attn_norm", "ffn_norm"):
            out.add(f"{block}{norm}.weight", (width,))
        for name, rows, kind in (("q", width, plain), ("k", keys, plain), ("v", keys, better)):
            out.add(f"{block}attn_{name}.weight", (rows, width), kind)
            out.add(f"{block}attn_{name}.bias", (rows,), value=0.0)
        out.add(f"{block}attn_output.weight", (width, width), plain)
        out.add(f"{block}ffn_gate.weight", (wide, width), plain)
        out.add(f"{block}ffn_up.weight", (wide, width), plain)
        out.add(f"{block}ffn_down.weight", (width, wide), better)
    out.write()


def vision(path: Path, into: int, depth=32, width=1280, wide=3420) -> None:
    """Its vision tower in half precision."""
    out = Writer(path, "clip")
    meta = out.gguf
    meta.add_string("general.type", "mmproj")
    meta.add_clip_has_vision_encoder(True)
    meta.add_clip_projector_type("qwen2.5vl_merger")
    meta.add_vision_use_silu(True)
    meta.add_vision_image_size(560)
    meta.add_vision_patch_size(14)
    meta.add_vision_embedding_length(width)
    meta.add_vision_feed_forward_length(wide)
    meta.add_vision_block_count(depth)
    meta.add_vision_head_count(16)
    meta.add_vision_projection_dim(into)
    meta.add_vision_attention_layernorm_eps(1e-6)
    meta.add_vision_image_mean([0.48145466, 0.4578275, 0.40821073])
    meta.add_vision_image_std([0.26862954, 0.26130258, 0.27577711])
    meta.add_vision_spatial_merge_size(2)
    meta.add_vision_n_wa_pattern(8)
    meta.add_file_type(1)
    for frame in ("", ".1"):
        out.add(f"v.patch_embd.weight{frame}", (width, 3, 14, 14), Kind.F16)
    for layer in range(depth):
        block = f"v.blk.{layer}."
        for norm in ("ln1", "ln2"):
            out.add(f"{block}{norm}.weight", (width,))
        parts = [(name, width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_out")]
        parts += [("ffn_gate", wide, width), ("ffn_up", wide, width), ("ffn_down", width, wide)]
        for name, rows, columns in parts:
            out.add(f"{block}{name}.weight", (rows, columns), Kind.F16)
            out.add(f"{block}{name}.bias", (rows,), value=0.0)
    out.add("v.post_ln.weight", (width,))
    merged = 4 * width
    for name, rows in (("mm.0", merged), ("mm.2", into)):
        out.add(f"{name}.weight", (rows, merged), Kind.F16)
        out.add(f"{name}.bias", (rows,), value=0.0)
    out.write()


def files(folder: Path, like: Path, name: str, quantised: str) -> tuple[Path, Path]:
    """Language model and vision tower of a shape, written once: 1.8 (3.3 as Q8_0) and 1.3 GB of the 3B's, 4.7 (8.1) and
    1.4 of the 7B's."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = SHAPES[name]
    both = folder / f"random-{name}-{quantised}.gguf", folder / f"random-{name}-vision-f16.gguf"
    writers = (
        lambda path: language(path, like, shape, QUANTISATIONS[quantised]),
        lambda path: vision(path, shape.width),
    )
    for file, write in zip(both, writers):
        if not file.exists():
            print(f"writing {file.name}", flush=True)
            fresh = file.with_suffix(".new")
            write(fresh)
            fresh.rename(file)
    return both
