"""Qwen2.5-VL to GGUF: text (architecture qwen2vl) and vision (mmproj, qwen2.5vl_merger), as stock llama.cpp loads them."""
import json
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7}
CHAT_TEMPLATE = ("{% for m in messages %}<|im_start|>{{m['role']}}\n{{m['content']}}<|im_end|>\n{% endfor %}"
                 "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
_TEXT_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
_VISION_NAMES = {"norm1": "ln1", "norm2": "ln2", "attn.proj": "attn_out", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
_MERGER_NAMES = {"merger.ln_q": "v.post_ln", "merger.mlp.0": "mm.0", "merger.mlp.2": "mm.2"}


@dataclass(frozen=True)
class TextShape:
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    sections: tuple[int, int, int]
    theta: float
    context: int = 4096


@dataclass(frozen=True)
class VisionShape:
    layers: int
    hidden: int
    inner: int
    heads: int
    out: int
    side: int
    full_every: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    patch: int = 14
    merge: int = 2


def _put(writer: GGUFWriter, name: str, tensor, kind: str):
    values = np.ascontiguousarray(tensor.detach().float().cpu().numpy())
    if values.ndim < 2 or kind == "f32":
        writer.add_tensor(name, values)
    elif kind == "f16":
        writer.add_tensor(name, values.astype(np.float16))
    else:
        quantum = GGMLQuantizationType[kind.upper()]
        writer.add_tensor(name, gguf.quants.quantize(values, quantum), raw_dtype=quantum)


def _finish(writer: GGUFWriter):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: GGUFWriter, tokenizer: Path) -> int:
    parsed = json.loads(tokenizer.read_text())
    vocabulary = parsed["model"]["vocab"]
    added = {a["content"]: a["id"] for a in parsed["added_tokens"]}
    tokens: list = [None] * (max(*vocabulary.values(), *added.values()) + 1)
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    for token, i in {**vocabulary, **added}.items():
        tokens[i] = token
    for i in added.values():
        kinds[i] = gguf.TokenType.CONTROL
    merges = [" ".join(m) if isinstance(m, list) else m for m in parsed["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(added["<|im_end|>"])
    writer.add_pad_token_id(added["<|endoftext|>"])
    writer.add_bos_token_id(added["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    return len(tokens)


def language(path: Path, weights: dict, shape: TextShape, tokenizer: Path, kind: str):
    """`weights`: names below `model.language_model.`; input and output embeddings are tied."""
    w = GGUFWriter(path, "qwen2vl")
    w.add_name("crane-tiny")
    w.add_block_count(shape.layers)
    w.add_context_length(shape.context)
    w.add_embedding_length(shape.hidden)
    w.add_feed_forward_length(shape.inner)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.kv_heads)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(shape.theta)
    w.add_rope_dimension_sections([*shape.sections, 0])
    w.add_file_type(FILE_TYPES[kind])
    w.add_vocab_size(_add_vocabulary(w, tokenizer))
    _put(w, "token_embd.weight", weights["embed_tokens.weight"], kind)
    _put(w, "output_norm.weight", weights["norm.weight"], kind)
    for name, tensor in weights.items():
        if name.startswith("layers."):
            _, i, rest = name.split(".", 2)
            module, leaf = rest.rsplit(".", 1)
            _put(w, f"blk.{i}.{_TEXT_NAMES[module]}.{leaf}", tensor, kind)
    _finish(w)


def vision(path: Path, weights: dict, shape: VisionShape, kind: str):
    """`weights`: names below `model.visual.`."""
    w = GGUFWriter(path, "clip")
    w.add_string("general.type", "mmproj")
    w.add_clip_has_vision_encoder(True)
    w.add_clip_projector_type("qwen2.5vl_merger")
    w.add_vision_use_silu(True)
    w.add_vision_image_size(shape.side)
    w.add_vision_patch_size(shape.patch)
    w.add_vision_embedding_length(shape.hidden)
    w.add_vision_feed_forward_length(shape.inner)
    w.add_vision_block_count(shape.layers)
    w.add_vision_head_count(shape.heads)
    w.add_vision_projection_dim(shape.out)
    w.add_vision_attention_layernorm_eps(1e-6)
    w.add_vision_image_mean(list(shape.mean))
    w.add_vision_image_std(list(shape.std))
    w.add_vision_spatial_merge_size(shape.merge)
    w.add_vision_n_wa_pattern(shape.full_every)
    w.add_file_type(FILE_TYPES[kind])
    patches = weights["patch_embed.proj.weight"]
    _put(w, "v.patch_embd.weight", patches[:, :, 0], "f32" if kind == "f32" else "f16")
    _put(w, "v.patch_embd.weight.1", patches[:, :, 1], "f32" if kind == "f32" else "f16")
    for name, tensor in weights.items():
        module, leaf = name.rsplit(".", 1)
        if name.startswith("blocks."):
            _, i, module = module.split(".", 2)
            if module == "attn.qkv":
                for part, piece in zip("qkv", tensor.chunk(3)):
                    _put(w, f"v.blk.{i}.attn_{part}.{leaf}", piece, kind)
            else:
                _put(w, f"v.blk.{i}.{_VISION_NAMES[module]}.{leaf}", tensor, kind)
        elif name.startswith("merger."):
            _put(w, f"{_MERGER_NAMES[module]}.{leaf}", tensor, kind)
    _finish(w)
