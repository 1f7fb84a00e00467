"""Muon for the matrices of the trunk, AdamW for the rest; one learning-rate schedule; resumable state."""
import os
from pathlib import Path

import torch


def _orthogonalised(g: torch.Tensor) -> torch.Tensor:
    """Five Newton-Schulz steps towards the nearest orthogonal matrix (Jordan et al., Muon)."""
    tall = g.size(0) > g.size(1)
    x = g.mT if tall else g
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


class Optimizer:
    """`scale` in `step` is the schedule's factor, 0 to 1."""

    def __init__(self, trunk: list[torch.nn.Parameter], rest: list[torch.nn.Parameter], lr: float, adam_lr: float, decay: float = .02):
        self.trunk, self.lr, self.adam_lr, self.decay = trunk, lr, adam_lr, decay
        self.momenta = [torch.zeros_like(p) for p in trunk]
        self.adam = torch.optim.AdamW(rest, lr=adam_lr, betas=(.9, .98), weight_decay=0.)

    def zero_grad(self):
        self.adam.zero_grad(set_to_none=True)
        for p in self.trunk:
            p.grad = None

    @torch.no_grad()
    def step(self, scale: float):
        for group in self.adam.param_groups:
            group["lr"] = self.adam_lr * scale
        self.adam.step()
        for p, m in zip(self.trunk, self.momenta):
            if p.grad is None:
                continue
            m.mul_(.95).add_(p.grad)
            update = _orthogonalised(p.grad.add(m, alpha=.95))
            p.mul_(1 - self.lr * scale * self.decay)
            p.add_(update, alpha=-self.lr * scale * max(1, p.size(0) / p.size(1)) ** .5)

    def state(self):
        return {"adam": self.adam.state_dict(), "momenta": self.momenta}

    def restore(self, state):
        self.adam.load_state_dict(state["adam"])
        self.momenta = state["momenta"]


def split(module: torch.nn.Module, is_trunk) -> tuple[list, list]:
    """Parameters of the trunk (matrices that `is_trunk(name)` accepts) and the rest."""
    trunk = [p for n, p in module.named_parameters() if p.dim() == 2 and is_trunk(n)]
    chosen = {id(p) for p in trunk}
    return trunk, [p for p in module.parameters() if id(p) not in chosen]


def schedule(step: int, steps: int, warmup: int = 40, hold: float = .5) -> float:
    """Linear warm-up, constant until `hold` of the run, then linear to 2 %."""
    decay = max(.02, (steps - step) / (steps * (1 - hold))) if step > hold * steps else 1.
    return min(1., (step + 1) / warmup) * decay


def save(path: Path, **state):
    """Writes a checkpoint so that an interrupted run never leaves half of one."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)
