"""The language model's eye: Qwen2.5-VL's vision tower on one 112 x 112 window, taught to tell traits and known houses."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from . import bank, optim
from .emblem import TRAITS, labels
from .tokens import IMAGE_TOKENS
from .world import World

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HIDDEN, LAYERS, HEADS, INNER, OUT = 128, 4, 4, 384, 256
GRID = bank.TOWER_SIDE // 14


class Tower(nn.Module):
    """Fixed-size rewrite of Qwen2.5-VL's tower with Hugging Face's parameter names (`|` for `.`): the whole square is one
    attention window, so windowed and full layers coincide."""

    def __init__(self):
        super().__init__()
        self.p = nn.ParameterDict()
        def add(name, *shape, scale=None, fill=0.):
            value = torch.randn(shape) * scale if scale else torch.full(shape, fill)
            self.p[name.replace(".", "|")] = nn.Parameter(value)
        add("patch_embed.proj.weight", HIDDEN, 1176, scale=1176 ** -.5)
        for i in range(LAYERS):
            block = f"blocks.{i}."
            add(block + "norm1.weight", HIDDEN, fill=1.)
            add(block + "norm2.weight", HIDDEN, fill=1.)
            for name, rows, columns in (("attn.qkv", 3 * HIDDEN, HIDDEN), ("attn.proj", HIDDEN, HIDDEN), ("mlp.gate_proj", INNER, HIDDEN),
                                        ("mlp.up_proj", INNER, HIDDEN), ("mlp.down_proj", HIDDEN, INNER)):
                add(block + name + ".weight", rows, columns, scale=columns ** -.5 * (.3 if name in ("attn.proj", "mlp.down_proj") else 1))
                add(block + name + ".bias", rows)
        add("merger.ln_q.weight", HIDDEN, fill=1.)
        for name, rows in (("merger.mlp.0", 4 * HIDDEN), ("merger.mlp.2", OUT)):
            add(name + ".weight", rows, 4 * HIDDEN, scale=(4 * HIDDEN) ** -.5)
            add(name + ".bias", rows)
        width = HIDDEN // HEADS
        inverse = 10000 ** (-torch.arange(0, width // 2, 2) / (width // 2))
        row, column = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
        merged = lambda t: t.reshape(GRID // 2, 2, GRID // 2, 2).permute(0, 2, 1, 3).reshape(-1)
        angle = torch.cat((merged(row)[:, None] * inverse, merged(column)[:, None] * inverse), 1)
        self.register_buffer("cos", angle.cos(), False)
        self.register_buffer("sin", angle.sin(), False)

    def w(self, name):
        return self.p[name.replace(".", "|")]

    @staticmethod
    def patches(photos: np.ndarray) -> torch.Tensor:
        """u8 (N, 112, 112, 3) to (N, 64, 1176) in Hugging Face's order: merged 2 x 2, both frames the same."""
        x = (torch.from_numpy(photos).float().permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        n, half = len(x), GRID // 2
        x = x.reshape(n, 3, half, 2, 14, half, 2, 14).permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(n, GRID * GRID, 3, 1, 196)
        return x.expand(-1, -1, -1, 2, -1).reshape(n, GRID * GRID, 1176)

    def _linear(self, x, name):
        return F.linear(x, self.w(name + ".weight"), self.w(name + ".bias"))

    def _rms(self, x, name):
        return F.rms_norm(x, (HIDDEN,), self.w(name), 1e-6)

    def _rotate(self, x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * self.cos - b * self.sin, b * self.cos + a * self.sin), -1)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(N, 64, 1176) to (N, 16, 256)."""
        x = F.linear(patches, self.w("patch_embed.proj.weight"))
        n, t, _ = x.shape
        for i in range(LAYERS):
            block = f"blocks.{i}."
            q, k, v = self._linear(self._rms(x, block + "norm1.weight"), block + "attn.qkv").view(n, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(self._rotate(q), self._rotate(k), v).transpose(1, 2).reshape(n, t, HIDDEN)
            x = x + self._linear(seen, block + "attn.proj")
            y = self._rms(x, block + "norm2.weight")
            x = x + self._linear(F.silu(self._linear(y, block + "mlp.gate_proj")) * self._linear(y, block + "mlp.up_proj"), block + "mlp.down_proj")
        x = self._rms(x, "merger.ln_q.weight").reshape(n, IMAGE_TOKENS, 4 * HIDDEN)
        return self._linear(F.gelu(self._linear(x, "merger.mlp.0")), "merger.mlp.2")

    def hugging_face(self) -> dict[str, torch.Tensor]:
        shaped = lambda name, t: t.reshape(-1, 3, 2, 14, 14) if "patch_embed" in name else t
        return {k.replace("|", "."): shaped(k, p.detach()) for k, p in self.p.items()}


class Readers(nn.Module):
    """One attention-pooled classifier per trait and one for the known houses (0 is unknown); thrown away after training."""

    def __init__(self, classes: dict[str, int]):
        super().__init__()
        self.names = list(classes)
        self.queries = nn.Parameter(torch.randn(len(classes), OUT) * .05)
        self.out = nn.ModuleList(nn.Linear(OUT, n) for n in classes.values())

    def forward(self, tokens):
        weights = (tokens @ self.queries.T * OUT ** -.5).softmax(1)
        pooled = torch.einsum("ntk,ntd->nkd", weights, tokens)
        return {name: out(pooled[:, i]) for i, (name, out) in enumerate(zip(self.names, self.out))}


@dataclass
class Plan:
    steps: int = 1050
    batch: int = 96
    known: int = 24
    save_every: int = 150


class Trainer:
    def __init__(self, folder: Path, seed: int, plan: Plan):
        torch.manual_seed(seed)
        self.folder, self.seed, self.plan = folder, seed, plan
        self.bank, self.known, self.watch = (np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("bank", "known", "watch"))
        families = len(self.bank) // 4
        self.bank_labels = labels([e for f in bank.training_emblems(seed, families) for e in f])
        self.known_labels = labels([h.emblem for h in World().known])
        self.watch_labels = labels(bank.watched_emblems(seed, len(self.watch)))
        self.tower = Tower()
        self.readers = Readers({**{k: len(v) for k, v in TRAITS.items()}, "house": len(self.known) + 1})
        trunk, rest = optim.split(self.tower, lambda n: "blocks" in n or "merger|mlp" in n)
        self.opt = optim.Optimizer(trunk, rest + list(self.readers.parameters()), lr=.02, adam_lr=2e-3)
        self.step = 0

    def _loss(self, rng: np.random.Generator) -> torch.Tensor:
        rows, known = rng.integers(len(self.bank), size=self.plan.batch - self.plan.known), rng.integers(len(self.known), size=self.plan.known)
        photos = np.stack([*(self.bank[i, s] for i, s in zip(rows, rng.integers(self.bank.shape[1], size=len(rows)))),
                           *(self.known[i, s] for i, s in zip(known, rng.integers(self.known.shape[1] - 4, size=len(known))))])
        read = self.readers(self.tower(Tower.patches(photos)))
        house = torch.cat((torch.zeros(len(rows), dtype=torch.long), torch.from_numpy(known) + 1))
        loss = F.cross_entropy(read["house"], house)
        for name in TRAITS:
            loss = loss + F.cross_entropy(read[name], torch.cat((self.bank_labels[name][rows], self.known_labels[name][known])))
        return loss

    @torch.no_grad()
    def accuracy(self) -> dict:
        """On held-out emblems (traits, and how often one passes for a known house) and on unseen photos of known houses."""
        read = self.readers(self.tower(Tower.patches(self.watch[:, 1])))
        out = {n: round((read[n].argmax(1) == self.watch_labels[n]).float().mean().item(), 3) for n in TRAITS}
        out["unknown"] = round((read["house"].argmax(1) == 0).float().mean().item(), 3)
        shots = self.known[:, -4:].reshape(-1, *self.known.shape[2:])
        house = self.readers(self.tower(Tower.patches(shots)))["house"].argmax(1)
        out["house"] = round((house == torch.arange(len(self.known)).repeat_interleave(4) + 1).float().mean().item(), 3)
        return out

    def train(self) -> Tower:
        path = self.folder / "vision.pt"
        if path.exists():
            state = torch.load(path, weights_only=False)
            self.tower.load_state_dict(state["tower"])
            self.readers.load_state_dict(state["readers"])
            self.opt.restore(state["opt"])
            self.step = state["step"]
        while self.step < self.plan.steps:
            loss = self._loss(np.random.default_rng((self.seed, self.step)))
            self.opt.zero_grad()
            loss.backward()
            self.opt.step(optim.schedule(self.step, self.plan.steps))
            self.step += 1
            if self.step % 25 == 0:
                print(f"vision {self.step}/{self.plan.steps} loss {loss.item():.3f}", flush=True)
            if self.step % self.plan.save_every == 0 or self.step == self.plan.steps:
                print("vision", self.step, self.accuracy(), flush=True)
                optim.save(path, tower=self.tower.state_dict(), readers=self.readers.state_dict(), opt=self.opt.state(), step=self.step)
        return self.tower

    @torch.no_grad()
    def features(self, photos: np.ndarray) -> torch.Tensor:
        """u8 (E, shots, 112, 112, 3) to f16 (E, shots, 16, 256)."""
        flat = photos.reshape(-1, *photos.shape[2:])
        parts = [self.tower(Tower.patches(np.asarray(flat[i:i + 128]))).half() for i in range(0, len(flat), 128)]
        return torch.cat(parts).view(*photos.shape[:2], IMAGE_TOKENS, OUT)
