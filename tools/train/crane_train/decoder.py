"""A fast Qwen2 decoder with M-RoPE for one fixed picture size, with Hugging Face's parameter names."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from .tokens import IMAGE_TOKENS, VOCABULARY

HIDDEN, LAYERS, HEADS, KV_HEADS, WIDTH, INNER = 256, 5, 4, 2, 64, 640
THETA, SECTIONS = 1e6, (8, 12, 12)
LONGEST = 512
MERGED = math.isqrt(IMAGE_TOKENS)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(HIDDEN, n * WIDTH) for n in (HEADS, KV_HEADS, KV_HEADS))
        self.o_proj = nn.Linear(HEADS * WIDTH, HIDDEN, bias=False)
        self.gate_proj, self.up_proj = nn.Linear(HIDDEN, INNER, bias=False), nn.Linear(HIDDEN, INNER, bias=False)
        self.down_proj = nn.Linear(INNER, HIDDEN, bias=False)
        self.input_layernorm, self.post_attention_layernorm = nn.Parameter(torch.ones(HIDDEN)), nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x, cos, sin, cache=None):
        n, t, _ = x.shape
        y = F.rms_norm(x, (HIDDEN,), self.input_layernorm, 1e-6)
        q = self.q_proj(y).view(n, t, HEADS, WIDTH).transpose(1, 2)
        k = self.k_proj(y).view(n, t, KV_HEADS, WIDTH).transpose(1, 2)
        v = self.v_proj(y).view(n, t, KV_HEADS, WIDTH).transpose(1, 2)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        mask = None
        if cache is not None:
            if "k" in cache:
                past = cache["k"].shape[2]
                k, v = (torch.cat((cache[c].expand(n, -1, -1, -1), x), 2) for c, x in (("k", k), ("v", v)))
                mask = torch.ones(t, past + t, dtype=torch.bool).tril(past) if t > 1 else None
            cache["k"], cache["v"] = k, v
        group = HEADS // KV_HEADS
        out = F.scaled_dot_product_attention(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), mask, is_causal=mask is None and t > 1)
        x = x + self.o_proj(out.transpose(1, 2).reshape(n, t, -1))
        y = F.rms_norm(x, (HIDDEN,), self.post_attention_layernorm, 1e-6)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


def _rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def positions(image_at: int | None, length: int) -> torch.Tensor:
    """M-RoPE positions (length, 3): text counts up; the picture's tokens share a time and spread over rows and columns."""
    if image_at is None:
        return torch.arange(length)[:, None].expand(-1, 3)
    i = torch.arange(IMAGE_TOKENS)
    image = torch.stack((torch.full_like(i, image_at), image_at + i // MERGED, image_at + i % MERGED), 1)
    after = torch.arange(image_at + MERGED, image_at + MERGED + max(0, length - image_at - IMAGE_TOKENS))
    return torch.cat((torch.arange(image_at)[:, None].expand(-1, 3), image, after[:, None].expand(-1, 3)))[:length]


class Decoder(nn.Module):
    def __init__(self, image_at: int):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.Parameter(torch.ones(HIDDEN))
        inverse = THETA ** (-torch.arange(0, WIDTH, 2) / WIDTH)
        axis = torch.repeat_interleave(torch.arange(3), torch.tensor(SECTIONS))
        angle = torch.stack([positions(at, LONGEST)[:, axis] * inverse for at in (None, image_at)])
        self.register_buffer("cos", angle.cos(), False)
        self.register_buffer("sin", angle.sin(), False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                small = .2 if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.
                nn.init.normal_(p, std=.02 if "embed" in name else small / math.sqrt(p.shape[1]))
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids, pictured, features=None, image_mask=None, caches=None, start: int = 0):
        """Hidden states (N, T, 256). `pictured` (N,) bool; `features` (pictures, 16, 256) fill `image_mask`."""
        x = self.embed(ids)
        if features is not None and len(features):
            x = x.masked_scatter(image_mask[..., None], features.reshape(-1, HIDDEN).to(x.dtype))
        kind, span = pictured.long(), slice(start, start + ids.shape[1])
        cos, sin = self.cos[kind, span][:, None], self.sin[kind, span][:, None]
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, None if caches is None else caches[i])
        return F.rms_norm(x, (HIDDEN,), self.norm, 1e-6)

    def logits(self, hidden):
        return hidden @ self.embed.weight.T

    def hugging_face(self) -> dict[str, torch.Tensor]:
        """Names below `model.language_model.`."""
        out = {"embed_tokens.weight": self.embed.weight, "norm.weight": self.norm}
        for i, layer in enumerate(self.layers):
            for name, p in layer.named_parameters():
                module = name.split(".")[0]
                place = "self_attn." if module in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp." if "proj" in module else ""
                out[f"layers.{i}.{place}{name}" + ("" if "." in name else ".weight")] = p
        return {k: v.detach() for k, v in out.items()}
