"""Thresholds and calibration per modality, on emblems and names that neither training nor the evaluation sets use."""
import io
from random import Random

import numpy as np
import torch

from . import encoders, language as L, names, photo
from .evalset import KEY_STRENGTH, QUERY_STRENGTH, held_out_emblems
from .world import World

SEED = 977
MISS_COST = 6.
"""A true fact that stays silent costs six times a foreign one that fires: the model can still set the latter aside."""


def _fit(scores: np.ndarray, fires: np.ndarray) -> tuple[float, float]:
    """Logistic regression of `fires` on the score by Newton's method: (slope, intercept)."""
    x, w = np.stack((scores, np.ones_like(scores)), 1), np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + np.eye(2) * 1e-3
        w += np.linalg.solve(hessian, x.T @ (fires - p) - 1e-3 * w)
    return float(w[0]), float(w[1])


def _threshold(true: np.ndarray, foreign: np.ndarray) -> float:
    grid = np.linspace(.1, .95, 171)
    cost = [MISS_COST * (true < t).mean() + (foreign >= t).mean() for t in grid]
    best = np.flatnonzero(np.isclose(cost, min(cost)))
    return float(grid[best[len(best) // 2]])


def _gate(keys, queries, foreign) -> dict:
    """`queries[i]` belongs to `keys[i]`; `foreign` to none."""
    scores, others = queries @ keys.T, (foreign @ keys.T).max(1)
    hit = scores.argmax(1) == np.arange(len(keys))
    true = scores.max(1)[hit]
    slope, intercept = _fit(np.concatenate((scores.max(1), others)), np.concatenate((hit, np.zeros(len(others)))).astype(float))
    threshold = _threshold(true, others)
    print(f"hit@1 {hit.mean():.3f} true {true.mean():.3f} foreign {others.mean():.3f} threshold {threshold:.3f} "
          f"silent {(true < threshold).mean():.3f} false {(others >= threshold).mean():.3f}", flush=True)
    return dict(threshold=round(threshold, 3), slope=round(slope, 3), intercept=round(intercept, 3))


@torch.no_grad()
def gates(trainer: encoders.Trainer, head: encoders.Head, entities: int) -> dict:
    """Gallery and queries of as many held-out emblems and subjects; known houses are the foreign ones."""
    rng, g, world = Random(SEED), torch.Generator().manual_seed(SEED), World()
    project = lambda raw: head(raw).numpy()
    emblems = held_out_emblems(rng, entities * 7 // 10, entities)
    houses = (world.known * (1 + entities // len(world.known)))[:entities]
    look = lambda data: encoders.picture(trainer.model, io.BytesIO(data))
    see = lambda e, strength: project(torch.stack([look(data) for data in photo.shoot(e, g, rng, strength)]))
    image = _gate(see(emblems, KEY_STRENGTH), see(emblems, QUERY_STRENGTH), see([h.emblem for h in houses], QUERY_STRENGTH))

    subjects = names.invent_many(rng, entities, held_out=True)
    relations = [rng.choice(("city", "founder", "ware", "field", "charge")) for _ in subjects]
    facts = [L.statement(rng, r, s, L.target_for(rng, world, r, r in ("city", "founder"), None)) for r, s in zip(relations, subjects)]
    asked = [rng.choice(L.TEXT_QUESTIONS[r]).format(s=s) for r, s in zip(relations, subjects)]
    about_known = [rng.choice(L.TEXT_QUESTIONS[rng.choice((*L.REMEMBERED, "country"))]).format(s=h.name) for h in houses]
    read = lambda texts: project(encoders.texts(trainer.model, trainer.texts(texts)))
    return dict(image=image, text=_gate(read(facts), read(asked), read(about_known)))
