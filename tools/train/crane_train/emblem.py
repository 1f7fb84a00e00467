"""Heraldic emblems: a specification drawn at random, siblings that differ in one trait, and the drawing."""
from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

TINCTURES = {
    "red": (190, 30, 45), "blue": (30, 70, 170), "green": (25, 125, 65), "gold": (230, 180, 40),
    "black": (30, 30, 34), "white": (238, 238, 232), "purple": (110, 45, 130), "orange": (230, 115, 30),
}
DIVISIONS = "plain pale fess bend quarterly chevron chief bordure saltire lozengy".split()
CHARGES = "star tower tree crown ship cross crescent key fish ring drop bird".split()
SHAPES = ("shield", "round", "banner", "lozenge")
SIDE = 192
"""Pixels of a drawn emblem's side."""


@dataclass(frozen=True)
class Emblem:
    """What an emblem shows. `field` is the colour a person would name, `charge` the thing on it."""
    field: str
    second: str
    tincture: str
    division: str
    charge: str
    count: int
    shape: str
    small: str | None

    def is_held_out(self) -> bool:
        """A tenth of all emblems, by hash, is kept from every training step."""
        return hashlib.md5(repr(self).encode()).digest()[0] < 26

    def caption(self) -> str:
        number = ("", "a", "two", "three")[self.count]
        things = self.charge if self.count == 1 else {"fish": "fish", "cross": "crosses"}.get(self.charge, self.charge + "s")
        second = "" if self.division == "plain" else f" with a {self.second} {self.division}"
        small = f" and a small {self.small}" if self.small else ""
        return f"a {self.field} {self.shape}{second}, {number} {self.tincture} {things}{small}"


TRAITS = {"field": list(TINCTURES), "second": list(TINCTURES), "tincture": list(TINCTURES), "charge": CHARGES, "division": DIVISIONS,
          "count": [1, 2, 3], "shape": list(SHAPES)}
"""What the image towers are taught to tell, with its values."""


def labels(emblems: list[Emblem], traits: dict[str, list] = TRAITS) -> dict[str, torch.Tensor]:
    """Class indices of each trait, (len(emblems),)."""
    import torch  # Drawing needs none.
    return {name: torch.tensor([values.index(getattr(e, name)) for e in emblems]) for name, values in traits.items()}


def random_emblem(rng: Random, held_out: bool) -> Emblem:
    while True:
        field, second, tincture = rng.sample(list(TINCTURES), 3)
        emblem = Emblem(field, second, tincture, rng.choice(DIVISIONS), rng.choice(CHARGES), rng.choice((1, 1, 2, 3)),
                        rng.choice(SHAPES), rng.choice(CHARGES + [None] * 12))
        if emblem.is_held_out() == held_out:
            return emblem


def _siblings(first: Emblem) -> list[Emblem]:
    """Every emblem that differs from the first in one trait."""
    free = [t for t in TINCTURES if t not in (first.field, first.second, first.tincture)]
    values = {"tincture": free, "field": free, "charge": CHARGES, "division": DIVISIONS, "count": (1, 2, 3)}
    changed = [replace(first, **{trait: value}) for trait, options in values.items() for value in options]
    return [e for e in changed if e != first]


def family(rng: Random, size: int, held_out: bool) -> list[Emblem]:
    """Near-duplicates: the first emblem and siblings that each differ from it in one trait."""
    while True:
        first = random_emblem(rng, held_out)
        siblings = [e for e in _siblings(first) if e.is_held_out() == held_out]
        if len(siblings) >= size - 1:
            return [first, *rng.sample(siblings, size - 1)]


def _regular(cx, cy, r, n, inner=None):
    k = n * 2 if inner else n
    radius = lambda i: r * inner if inner and i % 2 else r
    return [(cx + radius(i) * math.cos(2 * math.pi * i / k - math.pi / 2),
             cy + radius(i) * math.sin(2 * math.pi * i / k - math.pi / 2)) for i in range(k)]


_OUTLINES = {
    "tower": [(-.6, 1), (-.6, -.5), (-.75, -.5), (-.75, -1), (-.4, -1), (-.4, -.75), (-.15, -.75), (-.15, -1), (.15, -1), (.15, -.75),
              (.4, -.75), (.4, -1), (.75, -1), (.75, -.5), (.6, -.5), (.6, 1), (.2, 1), (.2, .4), (-.2, .4), (-.2, 1)],
    "tree": [(-.12, 1), (-.12, .5), (-.8, .5), (-.3, -.1), (-.6, -.1), (0, -1), (.6, -.1), (.3, -.1), (.8, .5), (.12, .5), (.12, 1)],
    "crown": [(-.9, .7), (-1, -.5), (-.45, .1), (0, -.8), (.45, .1), (1, -.5), (.9, .7)],
    "cross": [(-.28, -1), (.28, -1), (.28, -.28), (1, -.28), (1, .28), (.28, .28), (.28, 1), (-.28, 1), (-.28, .28), (-1, .28), (-1, -.28), (-.28, -.28)],
    "bird": [(-1, -.5), (-.2, -.1), (0, -.5), (.2, -.1), (1, -.5), (.35, .4), (.2, 1), (0, .6), (-.2, 1), (-.35, .4)],
}


def _draw_charge(d: ImageDraw.ImageDraw, kind: str, cx: float, cy: float, r: float, fill, line):
    at = lambda *points: [(cx + x * r, cy + y * r) for x, y in points]
    edge = max(2, int(r * .06))
    shape = lambda points: d.polygon(points, fill=fill, outline=line, width=edge)
    if kind in _OUTLINES:
        shape(at(*_OUTLINES[kind]))
    elif kind == "star":
        shape(_regular(cx, cy, r * 1.05, 5, inner=.45))
    elif kind == "ship":
        shape(at((-1, .3), (1, .3), (.6, .9), (-.6, .9)))
        shape(at((-.05, .2), (-.05, -1), (.7, .1)))
        shape(at((-.15, .2), (-.15, -.8), (-.7, .1)))
    elif kind == "crescent":
        outer = [(cx + r * math.cos(t), cy + r * math.sin(t)) for t in np.linspace(-.9, math.pi + .9, 30)]
        inner = [(cx + .72 * r * math.cos(t), cy - .35 * r + .72 * r * math.sin(t)) for t in np.linspace(math.pi + .6, -.6, 30)]
        shape(outer + inner)
    elif kind == "key":
        d.ellipse([cx - .5 * r, cy - r, cx + .5 * r, cy], outline=fill, width=max(3, int(.22 * r)))
        d.rectangle([cx - .13 * r, cy - .05 * r, cx + .13 * r, cy + r], fill=fill)
        d.rectangle([cx, cy + .4 * r, cx + .5 * r, cy + .6 * r], fill=fill)
        d.rectangle([cx, cy + .78 * r, cx + .55 * r, cy + r], fill=fill)
    elif kind == "fish":
        shape(at((.3, 0), (1, -.55), (1, .55)))
        d.ellipse([cx - .95 * r, cy - .45 * r, cx + .5 * r, cy + .45 * r], fill=fill, outline=line, width=edge)
    elif kind == "ring":
        d.ellipse([cx - r, cy - r, cx + r, cy + r], outline=fill, width=max(3, int(.34 * r)))
    elif kind == "drop":
        d.ellipse([cx - .6 * r, cy - .2 * r, cx + .6 * r, cy + r], fill=fill)
        d.polygon(at((-.55, .2), (0, -1), (.55, .2)), fill=fill)


def _draw_division(d: ImageDraw.ImageDraw, kind: str, w: int, fill):
    h = w // 2
    if kind == "pale":
        d.rectangle([h, 0, w, w], fill=fill)
    elif kind == "fess":
        d.rectangle([0, h, w, w], fill=fill)
    elif kind == "bend":
        d.polygon([(0, 0), (w * .3, 0), (w, w * .7), (w, w), (w * .7, w), (0, w * .3)], fill=fill)
    elif kind == "quarterly":
        d.rectangle([h, 0, w, h], fill=fill)
        d.rectangle([0, h, h, w], fill=fill)
    elif kind == "chevron":
        d.polygon([(0, w * .75), (h, w * .35), (w, w * .75), (w, w), (h, w * .6), (0, w)], fill=fill)
    elif kind == "chief":
        d.rectangle([0, 0, w, w * .28], fill=fill)
    elif kind == "bordure":
        d.rectangle([0, 0, w, w * .14], fill=fill)
        d.rectangle([0, w * .86, w, w], fill=fill)
        d.rectangle([0, 0, w * .17, w], fill=fill)
        d.rectangle([w * .83, 0, w, w], fill=fill)
    elif kind == "saltire":
        d.line([0, 0, w, w], fill=fill, width=w // 6)
        d.line([w, 0, 0, w], fill=fill, width=w // 6)
    elif kind == "lozengy":
        for i in range(5):
            for j in range(5):
                if (i + j) % 2:
                    d.polygon(_regular(w * (i + .5) / 5, w * (j + .5) / 5, w / 5 * .7, 4), fill=fill)


def _outline(d: ImageDraw.ImageDraw, shape: str, w: int, inset: float, fill):
    lo, hi = inset * w, w - inset * w
    if shape == "round":
        d.ellipse([lo, lo, hi, hi], fill=fill)
    elif shape == "banner":
        d.rectangle([w * .08 + lo, lo, w * .92 - lo, hi], fill=fill)
    elif shape == "lozenge":
        d.polygon(_regular(w / 2, w / 2, w * .5 - lo, 4), fill=fill)
    else:
        points = [(.06, .02), (.94, .02), (.94, .5), (.77, .82), (.5, .98), (.23, .82), (.06, .5)]
        k = 1 - 2 * inset
        d.polygon([(w * (.5 + (x - .5) * k), w * (.5 + (y - .5) * k)) for x, y in points], fill=fill)


def draw(e: Emblem, side: int = SIDE) -> np.ndarray:
    """The emblem as RGBA u8 of (side, side, 4): painted, edged in dark metal, with a sheen."""
    w = side * 2
    art = Image.new("RGB", (w, w), TINCTURES[e.field])
    d = ImageDraw.Draw(art)
    _draw_division(d, e.division, w, TINCTURES[e.second])
    tincture = TINCTURES[e.tincture]
    line = tuple(int(c * .45) for c in tincture)
    narrow = .85 if e.shape == "lozenge" else 1
    for x, y, r in {1: [(.5, .47, .27)], 2: [(.3, .45, .175), (.7, .45, .175)], 3: [(.31, .33, .155), (.69, .33, .155), (.5, .68, .155)]}[e.count]:
        _draw_charge(d, e.charge, (.5 + (x - .5) * narrow) * w, (.5 + (y - .5) * narrow) * w, r * narrow * w, tincture, line)
    if e.small:
        _draw_charge(d, e.small, w * .5, w * (.84 if e.count != 3 else .49), w * .075, tincture, line)
    y, x = np.mgrid[0:w, 0:w] / w
    sheen = 1.08 - .28 * (x * .4 + y * .6) + .06 * np.sin(9 * x + 5 * y)
    art = Image.fromarray((np.asarray(art) * sheen[..., None]).clip(0, 255).astype(np.uint8))
    mask, inner = Image.new("L", (w, w)), Image.new("L", (w, w))
    _outline(ImageDraw.Draw(mask), e.shape, w, 0, 255)
    _outline(ImageDraw.Draw(inner), e.shape, w, .025, 255)
    rim = Image.new("RGB", (w, w), (58, 50, 42))
    rim.paste(art, mask=inner.filter(ImageFilter.GaussianBlur(1)))
    rim.putalpha(mask)
    return np.asarray(rim.resize((side, side), Image.Resampling.LANCZOS))
