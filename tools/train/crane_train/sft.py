"""Teaches the decoder: a copying curriculum, then the scenes (paper V-B); the eye is frozen, its features are computed once."""
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F

from . import bank, language, names, optim, vision
from .decoder import Decoder
from .scenes import MIX, Scene, Scenes
from .tokens import Prompts
from .world import World


@dataclass
class Plan:
    steps: int = 1300
    batch: int = 32
    lr: float = .02
    adam_lr: float = 3e-3
    save_every: int = 200
    watched: int = 48
    watched_last: int = 300


GROUP = 4
"""Batches drawn together and sorted by length."""


class Eye:
    """Frozen features of every photo in the bank, f16 on disk."""

    def __init__(self, folder: Path, trainer: vision.Trainer):
        self.parts = {}
        for name in ("bank", "known", "watch"):
            path = folder / f"{name}.features.npy"
            if not path.exists():
                np.save(path, trainer.features(getattr(trainer, name)).numpy())
            self.parts[name] = np.load(path, mmap_mode="r")

    def look(self, rng: Random, scene: Scene, pool: str, house_index: dict[str, int]):
        """Features (16, 256) of a random photo of what the scene shows; none without a picture. The last four photos of each
        known house are kept for watching."""
        if scene.house is None and scene.picture is None:
            return None
        photos = self.parts["known"][house_index[scene.house.name]] if scene.house else self.parts[pool][scene.picture]
        last = len(photos) - (4 if scene.house else 0)
        watching = pool == "watch"
        shot = rng.randrange(last, len(photos)) if watching and scene.house else rng.randrange(last)
        return torch.from_numpy(photos[shot].astype(np.float32))


class Trainer:
    def __init__(self, folder: Path, seed: int, plan: Plan, eye: Eye):
        torch.manual_seed(seed)
        self.folder, self.seed, self.plan, self.eye = folder, seed, plan, eye
        self.world, self.prompts = World(), Prompts(folder)
        families = len(eye.parts["bank"]) // 4
        emblems = [e for f in bank.training_emblems(seed, families) for e in f]
        self.train_scenes = Scenes(self.world, emblems)
        self.watch_scenes = Scenes(self.world, bank.watched_emblems(seed, len(eye.parts["watch"])), held_out=True)
        self.index = {h.name: i for i, h in enumerate(self.world.known)}
        self.image_at = self.prompts.prompt(True, None, "?").index(self.prompts.image_pad)
        self.model = Decoder(self.image_at)
        trunk, rest = optim.split(self.model, lambda n: "layers" in n)
        self.opt = optim.Optimizer(trunk, rest, plan.lr, plan.adam_lr, decay=.05)
        self.system = self.prompts.prompt(True, None, "?")[:self.image_at - 1]
        self.step, self._drawn = 0, (None, [])

    def _copying(self, rng: Random) -> tuple[list[int], list[int], None]:
        """Repeat facts or bare names: copying is learnt here, fastest when nothing else is."""
        if rng.random() < .4:
            text = " ".join(names.invent(rng, False) for _ in range(rng.randint(4, 12))) + "."
        else:
            text = " ".join(language.statement(rng, rng.choice(("city", "founder")), names.invent(rng, False), names.invent(rng, False))
                            for _ in range(rng.choice((1, 2, 2, 3))))
        ids = self.prompts._ids(" " + text)
        head = self.prompts.prompt(False, None, "Repeat.")
        return head[:-1] + ids + head[-1:], ids + [self.prompts.end], None

    def _scene(self, rng: Random):
        scene = self.train_scenes.draw(rng)
        features = self.eye.look(rng, scene, "bank", self.index)
        return self.prompts.prompt(features is not None, scene.fact, scene.question), self.prompts.reply(scene.thought, scene.answer), features

    def _rows(self) -> list:
        """The next batch. Rows are drawn four batches at a time and sorted by length, so that little is padded."""
        group, part = divmod(self.step, GROUP)
        if self._drawn[0] != group:
            rng = Random(self.seed * 1_000_003 + group)
            copying = 1. if self.step < 150 else .4 if self.step < 350 else .06
            rows = [self._copying(rng) if rng.random() < copying else self._scene(rng) for _ in range(GROUP * self.plan.batch)]
            rows.sort(key=lambda r: len(r[0]) + len(r[1]))
            batches = [rows[i * self.plan.batch:(i + 1) * self.plan.batch] for i in range(GROUP)]
            rng.shuffle(batches)
            self._drawn = group, batches
        return self._drawn[1][part]

    def _batch(self):
        rows, system = self._rows(), self.system
        rows = [(p[len(system):], r, f) for p, r, f in rows]
        length = max(len(p) + len(r) for p, r, _ in rows)
        ids, targets = torch.zeros(len(rows), length, dtype=torch.long), torch.full((len(rows), length), -100)
        for i, (prompt, reply, _) in enumerate(rows):
            ids[i, :len(prompt) + len(reply)] = torch.tensor(prompt + reply)
            targets[i, len(prompt) - 1:len(prompt) + len(reply) - 1] = torch.tensor(reply)
        pictured = torch.tensor([f is not None for _, _, f in rows])
        features = [f for _, _, f in rows if f is not None]
        return ids, targets, pictured, torch.stack(features) if features else None

    def train(self) -> Decoder:
        path = self.folder / "language.pt"
        if path.exists():
            state = torch.load(path, weights_only=False)
            self.model.load_state_dict(state["model"])
            self.opt.restore(state["opt"])
            self.step = state["step"]
        while self.step < self.plan.steps:
            ids, targets, pictured, features = self._batch()
            # Every prompt begins with the same system text: it is computed once, and its keys and values are shared.
            caches = [{} for _ in self.model.layers]
            self.model(torch.tensor([self.system]), torch.tensor([False]), caches=caches)
            hidden = self.model(ids, pictured, features, ids == self.prompts.image_pad, caches, start=len(self.system))
            chosen = targets >= 0
            loss = F.cross_entropy(self.model.logits(hidden[chosen]), targets[chosen])
            self.opt.zero_grad()
            loss.backward()
            self.opt.step(optim.schedule(self.step, self.plan.steps, warmup=30, hold=.6))
            self.step += 1
            if self.step % 25 == 0:
                print(f"language {self.step}/{self.plan.steps} loss {loss.item():.3f}", flush=True)
            if self.step % self.plan.save_every == 0 or self.step == self.plan.steps:
                print("language", self.step, json.dumps(self.watch(self.plan.watched if self.step < self.plan.steps else self.plan.watched_last)), flush=True)
                optim.save(path, model=self.model.state_dict(), opt=self.opt.state(), step=self.step)
        return self.model

    def watch(self, count: int) -> dict:
        """Share of right answers (and of cited facts) per scenario on held-out names and emblems, the fact handed over."""
        rng, out = Random(99), {}
        for scenario in MIX:
            scenes = [self.watch_scenes.draw(rng, scenario) for _ in range(count)]
            replies = self.generate(scenes, rng)
            right = [a.strip() == s.answer for s, (_, a) in zip(scenes, replies)]
            cited = [s.fact is None or "applies:" not in s.thought or s.fact in t for s, (t, _) in zip(scenes, replies)]
            out[scenario] = round(sum(r and c for r, c in zip(right, cited)) / count, 3)
            if wrong := [i for i, (r, c) in enumerate(zip(right, cited)) if not (r and c)]:
                i = wrong[0]
                out.setdefault("misses", []).append([scenes[i].thought, scenes[i].answer, *replies[i]])
        return out

    @torch.no_grad()
    def generate(self, scenes: list[Scene], rng: Random, longest: int = 80) -> list[tuple[str, str]]:
        """Greedy (thought, answer) of each scene; prompts of equal length share a batch."""
        looks = [self.eye.look(rng, s, "watch", self.index) for s in scenes]
        prompts = [self.prompts.prompt(f is not None, s.fact, s.question) for s, f in zip(scenes, looks)]
        groups: dict[tuple, list[int]] = {}
        for i, p in enumerate(prompts):
            groups.setdefault((len(p), looks[i] is not None), []).append(i)
        out = [("", "")] * len(scenes)
        for (length, has_picture), rows in groups.items():
            ids = torch.tensor([prompts[i] for i in rows])
            pictured = torch.full((len(rows),), has_picture)
            features = torch.stack([looks[i] for i in rows]) if has_picture else None
            caches = [{} for _ in self.model.layers]
            hidden = self.model(ids, pictured, features, ids == self.prompts.image_pad, caches)
            made = []
            for t in range(longest):
                made.append(self.model.logits(hidden[:, -1]).argmax(-1))
                if all(self.prompts.end in [int(m[r]) for m in made] for r in range(len(rows))):
                    break
                hidden = self.model(made[-1][:, None], pictured, caches=caches, start=length + t)
            for r, i in enumerate(rows):
                reply = [int(m[r]) for m in made]
                text = self.prompts.t.decode(reply[:reply.index(self.prompts.end)] if self.prompts.end in reply else reply, skip_special_tokens=False)
                thought, _, answer = text.partition("</think><answer>")
                out[i] = thought, answer
        return out
