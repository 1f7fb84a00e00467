"""Photographic change: an emblem on a wall under another viewpoint, light, crop, occlusion, blur, noise and JPEG."""
import io
from collections.abc import Iterator
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from . import emblem


def _background(n: int, side: int, uniform, x, y, g) -> torch.Tensor:
    """Walls: a muted colour with stains at three scales, and for some courses of brick or planks."""
    tone = uniform(.2, .85, n, 1, 1, 1) + uniform(-.12, .12, n, 3, 1, 1)
    stains = sum(
        F.interpolate(torch.rand(n, c, k, k, generator=g) - .5, size=(side, side), mode="bilinear", align_corners=False) * q
        for k, c, q in ((2, 3, .5), (7, 1, .25), (28, 1, .15))
    )
    rows = uniform(3, 9, n, 1, 1)
    row = (y[None] + 1) * rows
    column = (x[None] + 1) * rows * uniform(.2, .7, n, 1, 1) + .5 * (row.floor() % 2)
    joint = (((row % 1) < .1) | ((column % 1) < .06)).float()[:, None]
    built = (torch.rand(n, 1, 1, 1, generator=g) < .45).float()
    return tone + stains * uniform(.4, 1.3, n, 1, 1, 1) - joint * built * uniform(.06, .22, n, 1, 1, 1)


def photograph(emblems: torch.Tensor, g: torch.Generator, side: int = 224, strength: float = 1.0) -> np.ndarray:
    """RGBA u8 (N, S, S, 4) to photos, RGB u8 (N, side, side, 3). `strength` 0 to 1 scales every change."""
    n, k = emblems.shape[0], strength
    def uniform(a, b, *shape):
        return torch.rand(*(shape or (n, 1, 1)), generator=g) * (b - a) + a
    art = emblems.permute(0, 3, 1, 2).float() / 255
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    turn, zoom = uniform(-.35, .35) * k, 1 + uniform(.0, .55)
    px, py = x[None] - uniform(-.18, .18) * k, y[None] - uniform(-.18, .18) * k
    depth = 1 + uniform(-.24, .24) * k * px + uniform(-.24, .24) * k * py
    shear = uniform(-.14, .14) * k
    c, s = turn.cos() * zoom, turn.sin() * zoom
    grid = torch.stack(((c * px - s * py + shear * py) / depth, (s * px + c * py) / depth), -1)
    seen = F.grid_sample(art, grid, align_corners=False)
    shadow = F.avg_pool2d(F.grid_sample(art[:, 3:], grid - .05, align_corners=False), 9, 1, 4)
    wall = _background(n, side, uniform, x, y, g) * (1 - .45 * shadow)
    alpha = seen[:, 3:]
    out = seen[:, :3] * alpha + wall * (1 - alpha)

    angle, reach, half = uniform(0, 6.2832), uniform(.45, 1.0), uniform(.1, .24)
    hidden = ((x[None] - reach * angle.cos()).abs() < half) & ((y[None] - reach * angle.sin()).abs() < half * uniform(.5, 1.8))
    hidden = hidden.float()[:, None] * (torch.rand(n, 1, 1, 1, generator=g) < .35 * k).float()
    out = out * (1 - hidden) + hidden * uniform(0, .8, n, 3, 1, 1)

    light = 1 + k * (uniform(-.32, .32) * x[None] + uniform(-.32, .32) * y[None])
    out = out * light[:, None] * uniform(1 - .35 * k, 1 + .25 * k, n, 1, 1, 1) * uniform(1 - .14 * k, 1 + .14 * k, n, 3, 1, 1)
    mean = out.mean((1, 2, 3), keepdim=True)
    out = (out - mean) * uniform(1 - .3 * k, 1 + .2 * k, n, 1, 1, 1) + mean
    blur = torch.randint(0, 3, (n,), generator=g)
    for i, size in ((1, 3), (2, 7)):
        chosen = (blur == i).nonzero()[:, 0]
        if len(chosen) and k > .3:
            out[chosen] = F.avg_pool2d(F.pad(out[chosen], (size // 2,) * 4, mode="replicate"), size, 1)
    out = out + torch.randn(out.shape, generator=g) * .03 * k
    return (out.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def jpeg(photo: np.ndarray, quality: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(photo).save(data, "JPEG", quality=quality)
    return data.getvalue()


def shoot(emblems, g: torch.Generator, rng: Random, strength: float, side: int = 224) -> Iterator[bytes]:
    """One encoded photo of each emblem."""
    for i in range(0, len(emblems), 50):
        art = torch.from_numpy(np.stack([emblem.draw(e) for e in emblems[i:i + 50]]))
        for shot in photograph(art, g, side, strength):
            yield jpeg(shot, rng.randint(60, 90))


def jitter(photos: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Training photos, f32 (N, 3, S, S), once more cropped, moved and lit: a bank of few photos lasts longer."""
    def uniform(a, b, *shape):
        return torch.rand(len(photos), *shape, generator=g) * (b - a) + a
    frame = torch.zeros(len(photos), 2, 3)
    frame[:, 0, 0] = frame[:, 1, 1] = uniform(.74, 1.04)
    frame[:, :, 2] = uniform(-.08, .08, 2)
    moved = F.grid_sample(photos, F.affine_grid(frame, photos.shape, align_corners=False), padding_mode="reflection", align_corners=False)
    return moved * uniform(.85, 1.15, 1, 1, 1) * uniform(.94, 1.06, 3, 1, 1) + uniform(-.08, .08, 1, 1, 1)


VIEWS = (1., .8)
"""Central parts of a photo, as shares of its sides, whose embeddings the runtime averages."""


def views(picture: Image.Image, side: int) -> np.ndarray:
    """What the image tower sees of a photo: u8 (views, side, side, 3)."""
    def centre(share):
        width, height = (max(1, int(s * share + .5)) for s in picture.size)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        return picture.crop((left, top, left + width, top + height))
    return np.stack([np.asarray(centre(v).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)) for v in VIEWS])


def as_towers_see(data: bytes, side: int) -> np.ndarray:
    """An encoded photo as the runtime hands it to the towers: squashed by Pillow's bicubic, u8 (side, side, 3)."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC))
