"""SigLIP towers and the projection head.

Towers: sigmoid image-caption loss (SigLIP) with three aids that a small corpus needs: InfoNCE between two photos of an emblem and
between a statement and a question about it, and a linear reader of each trait, thrown away afterwards.
Head: symmetric InfoNCE, tau 0.07, on frozen towers (paper V-A).
"""
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from transformers import SiglipConfig, SiglipModel

from . import bank, emblem, language, names, optim, photo
from .tokens import TEXT_LENGTH, VOCABULARY, TowerTexts
from .world import World

RAW, PROJECTED = 192, 256
TEXT = 128
"""Width of the text tower; its last layer leads to RAW."""
TAU = .07
TRAITS = {**emblem.TRAITS, "small": [None, *emblem.CHARGES]}


def _shape(width: int) -> dict:
    return dict(hidden_size=width, intermediate_size=4 * width, num_attention_heads=width // 32)


def towers() -> SiglipModel:
    return SiglipModel(SiglipConfig(
        vision_config=dict(image_size=bank.TOWER_SIDE, patch_size=14, num_hidden_layers=4, **_shape(RAW)),
        text_config=dict(vocab_size=VOCABULARY, max_position_embeddings=TEXT_LENGTH, num_hidden_layers=2, projection_size=RAW,
                         pad_token_id=0, bos_token_id=0, eos_token_id=0, **_shape(TEXT))))


def normalised(photos: np.ndarray) -> torch.Tensor:
    """u8 (N, S, S, 3) to f32 (N, 3, S, S) in -1 to 1, as SigLIP's processor does."""
    return (torch.from_numpy(photos).float().permute(0, 3, 1, 2) / 255 - .5) / .5


class Head(nn.Module):
    """Linear, without bias, then unit length."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(RAW, PROJECTED, bias=False)

    def forward(self, raw):
        return F.normalize(self.linear(raw), dim=-1)


def images(model, photos: np.ndarray) -> torch.Tensor:
    return model.vision_model(pixel_values=normalised(photos)).pooler_output


def picture(model, photo_file) -> torch.Tensor:
    """The raw embedding of one photo as the runtime forms it: the mean over its views, (RAW,)."""
    return images(model, photo.views(Image.open(photo_file), bank.TOWER_SIDE)).mean(0)


def texts(model, ids: list[list[int]]) -> torch.Tensor:
    return model.text_model(input_ids=torch.tensor(ids)).pooler_output


def symmetric_info_nce(a: torch.Tensor, b: torch.Tensor, tau: float = TAU) -> torch.Tensor:
    """Equation 1 of the paper; rows of unit length."""
    logits, labels = a @ b.T / tau, torch.arange(len(a))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class TextPairs:
    """Statements and questions about the same subject: what the text index has to bring together."""

    def __init__(self, world: World):
        self.world = world

    def draw(self, rng: Random, count: int, held_out: bool = False) -> tuple[list[str], list[str]]:
        pairs = [self._pair(rng, held_out) for _ in range(count)]
        return [p[0] for p in pairs], [p[1] for p in pairs]

    def _pair(self, rng: Random, held_out: bool) -> tuple[str, str]:
        subject = names.invent(rng, held_out) if held_out or rng.random() < .9 else rng.choice(self.world.known).name
        relation = rng.choice(("city", "city", "founder", "founder", "ware", "field", "charge"))
        target = language.target_for(rng, self.world, relation, held_out and relation in ("city", "founder"), None)
        asked = "country" if relation == "city" and rng.random() < .2 else relation
        return language.statement(rng, relation, subject, target), rng.choice(language.TEXT_QUESTIONS[asked]).format(s=subject)


@dataclass
class Plan:
    steps: int = 2700
    families: int = 16
    text_pairs: int = 48
    head_steps: int = 300
    save_every: int = 100


@torch.no_grad()
def hit_at_1(keys: torch.Tensor, queries: torch.Tensor) -> dict:
    """Of queries whose own key scores best; with mean true and mean best-other score."""
    scores = F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).T
    true = scores.diag().clone()
    scores.fill_diagonal_(-2)
    other = scores.max(1).values
    return dict(hit=round((true > other).float().mean().item(), 4), true=round(true.mean().item(), 3), other=round(other.mean().item(), 3))


class Trainer:
    def __init__(self, folder: Path, seed: int, plan: Plan):
        torch.manual_seed(seed)
        self.folder, self.seed, self.plan = folder, seed, plan
        self.photos = np.load(folder / "bank.npy", mmap_mode="r")
        families = len(self.photos) // 4
        self.held = max(2, families // 24)  # families kept to watch progress; the evaluation set is another, held-out one
        emblems = [e for f in bank.training_emblems(seed, families) for e in f]
        self.captions, self.labels = [e.caption() for e in emblems], emblem.labels(emblems, TRAITS)
        self.texts, self.pairs = TowerTexts(folder), TextPairs(World())
        self.model = towers()
        self.readers = nn.ModuleDict({name: nn.Linear(RAW, len(values)) for name, values in TRAITS.items()})
        self.scale, self.bias = nn.Parameter(torch.tensor(2.3)), nn.Parameter(torch.tensor(-6.))
        trunk, rest = optim.split(self.model, lambda n: "layers" in n or ".mlp." in n)
        self.opt = optim.Optimizer(trunk, [p for p in rest if p is not self.model.logit_scale and p is not self.model.logit_bias]
                                   + [self.scale, self.bias, *self.readers.parameters()], lr=.02, adam_lr=2e-3)
        self.step = 0

    def _loss(self, rng: Random) -> torch.Tensor:
        plan, train = self.plan, len(self.photos) // 4 - self.held
        rows = [f * 4 + i for f in rng.sample(range(train), min(plan.families, train)) for i in range(4)]
        shots = [rng.sample(range(self.photos.shape[1]), 2) for _ in rows]
        photos = np.stack([self.photos[r, s[k]] for k in (0, 1) for r, s in zip(rows, shots)])
        pixels = photo.jitter(normalised(photos), torch.Generator().manual_seed(rng.getrandbits(63)))
        raw = self.model.vision_model(pixel_values=pixels).pooler_output
        traits = sum(F.cross_entropy(read(raw), self.labels[name][rows].repeat(2)) for name, read in self.readers.items())
        seen = F.normalize(raw, dim=-1)
        a, b = seen.chunk(2)
        statements, questions = self.pairs.draw(rng, plan.text_pairs)
        words = F.normalize(texts(self.model, self.texts([self.captions[r] for r in rows] + statements + questions)), dim=-1)
        captions, s, q = words.split((len(rows), plan.text_pairs, plan.text_pairs))
        sign = (2 * torch.eye(len(rows)) - 1).repeat(2, 1)
        sigmoid = -F.logsigmoid(sign * (seen @ captions.T * self.scale.exp() + self.bias)).sum() / len(seen)
        return symmetric_info_nce(a, b) + .5 * sigmoid + .25 * traits + symmetric_info_nce(s, q)

    def train_towers(self):
        path = self.folder / "towers.pt"
        if path.exists():
            state = torch.load(path, weights_only=False)
            self.model.load_state_dict(state["model"])
            self.readers.load_state_dict(state["readers"])
            self.scale.data, self.bias.data = state["scale"], state["bias"]
            self.opt.restore(state["opt"])
            self.step = state["step"]
        while self.step < self.plan.steps:
            loss = self._loss(Random(self.seed * 1_000_003 + self.step))
            self.opt.zero_grad()
            loss.backward()
            self.opt.step(optim.schedule(self.step, self.plan.steps))
            self.step += 1
            if self.step % 20 == 0:
                print(f"towers {self.step}/{self.plan.steps} loss {loss.item():.3f}", flush=True)
            if self.step % self.plan.save_every == 0 or self.step == self.plan.steps:
                print("towers", self.step, self.watch(), flush=True)
                optim.save(path, model=self.model.state_dict(), readers=self.readers.state_dict(), scale=self.scale.data, bias=self.bias.data,
                           opt=self.opt.state(), step=self.step)

    @torch.no_grad()
    def features(self, photos: np.ndarray) -> torch.Tensor:
        return torch.cat([images(self.model, np.asarray(photos[i:i + 64])) for i in range(0, len(photos), 64)])

    def watch(self, head=nn.Identity()) -> dict:
        kept = self.photos[-4 * self.held:]
        with torch.no_grad():
            statements, questions = self.pairs.draw(Random(5), 200, held_out=True)
            words = head(texts(self.model, self.texts(statements))), head(texts(self.model, self.texts(questions)))
            return dict(image=hit_at_1(head(self.features(kept[:, 0])), head(self.features(kept[:, 1]))), text=hit_at_1(*words))

    def train_head(self) -> Head:
        path, head = self.folder / "head.pt", Head()
        if path.exists():
            head.load_state_dict(torch.load(path))
            return head
        torch.manual_seed(self.seed + 1)
        nn.init.orthogonal_(head.linear.weight)
        count = len(self.photos) - 4 * self.held
        shots = torch.stack([self.features(self.photos[:count, s]) for s in range(self.photos.shape[1])], 1)
        with torch.no_grad():
            pairs = [self.pairs.draw(Random(self.seed + 10 + i), 64) for i in range(max(4, count // 40))]
            words = [(texts(self.model, self.texts(s)), texts(self.model, self.texts(q))) for s, q in pairs]
        adam = torch.optim.AdamW(head.parameters(), lr=3e-4, weight_decay=.01)
        g = torch.Generator().manual_seed(self.seed)
        for step in range(self.plan.head_steps):
            for group in adam.param_groups:
                group["lr"] = 3e-4 * optim.schedule(step, self.plan.head_steps)
            family = torch.randperm(count // 4, generator=g)[:64]
            rows = (family[:, None] * 4 + torch.arange(4)).reshape(-1)
            pick = torch.rand(len(rows), shots.shape[1], generator=g).argsort(1)[:, :2]
            loss = symmetric_info_nce(head(shots[rows, pick[:, 0]]), head(shots[rows, pick[:, 1]]))
            s, q = words[step % len(words)]
            loss = loss + symmetric_info_nce(head(s), head(q))
            adam.zero_grad()
            loss.backward()
            adam.step()
        optim.save(path, **head.state_dict())
        print("head", dict(raw=self.watch(), projected=self.watch(head)), flush=True)
        return head
