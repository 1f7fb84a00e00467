"""The bank of photos that every stage trains on: made once, in parallel, from a seed."""
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import torch

from . import emblem, photo
from .world import World

TOWER_SIDE = 112
"""Pixels of the square that both image towers see."""
CHUNK = 50


def training_emblems(seed: int, families: int) -> list[list[emblem.Emblem]]:
    rng = Random(seed)
    return [emblem.family(rng, 4, held_out=False) for _ in range(families)]


def watched_emblems(seed: int, count: int) -> list[emblem.Emblem]:
    """Held-out emblems by which training watches itself; the evaluation sets draw others."""
    rng = Random(seed + 1)
    return [emblem.random_emblem(rng, held_out=True) for _ in range(count)]


def _shoot(job) -> np.ndarray:
    """Photos of a chunk of emblems: u8 (len, shots, 112, 112, 3). The first shot of each is a careful one."""
    emblems, shots, seed = job
    torch.set_num_threads(1)
    g, rng = torch.Generator().manual_seed(seed), Random(seed)
    art = torch.from_numpy(np.stack([emblem.draw(e) for e in emblems]))
    out = np.empty((len(emblems), shots, TOWER_SIDE, TOWER_SIDE, 3), np.uint8)
    for s in range(shots):
        strength = .6 if s == 0 else rng.choice((.6, .8, 1., 1., 1.))
        for i, shot in enumerate(photo.photograph(art, g, side=rng.choice((144, 160, 176)), strength=strength)):
            out[i, s] = photo.as_towers_see(photo.jpeg(shot, rng.randint(55, 92)), TOWER_SIDE)
    return out


def build(folder: Path, seed: int, families: int, shots: int, known_shots: int, watched: int, workers: int):
    """Writes `bank.npy` (emblems, shots, 112, 112, 3), `known.npy` (the known houses') and `watch.npy`, unless there."""
    world = World()
    sets = {
        "bank": ([e for f in training_emblems(seed, families) for e in f], shots),
        "known": ([k.emblem for k in world.known], known_shots),
        "watch": (watched_emblems(seed, watched), 3),
    }
    for name, (emblems, count) in sets.items():
        path = folder / f"{name}.npy"
        if path.exists():
            continue
        size = CHUNK if name == "bank" else 4
        jobs = [(emblems[i:i + size], count, seed * 1_000_003 + i) for i in range(0, len(emblems), size)]
        with ProcessPoolExecutor(workers) as pool:
            parts = list(pool.map(_shoot, jobs))
        np.save(path, np.concatenate(parts))
        print(f"{name}: {len(emblems)} emblems, {count} photos each", flush=True)
