"""Invented names. About a tenth of the name space is held out: no training step ever sees it."""
import hashlib
from random import Random

ONSETS = "b br c cr d dr f fl g gl gr h j k kl l m n p pl pr qu r s sk sl st t th tr v w z".split()
VOWELS = "a e i o u ae ai ea ia io ou".split()
CODAS = ["", "", "", "n", "r", "l", "s", "th", "m", "nd", "rk", "x", "sh", "lt"]


def is_held_out(name: str) -> bool:
    return hashlib.md5(name.encode()).digest()[0] < 26


def invent(rng: Random, held_out: bool) -> str:
    """A fresh name of two or three syllables from the wanted side of the split."""
    while True:
        count = rng.choice((2, 2, 3))
        name = "".join(
            rng.choice(ONSETS) + rng.choice(VOWELS) + (rng.choice(CODAS) if i == count - 1 else rng.choice(("", "", "n", "r", "l")))
            for i in range(count)
        ).capitalize()
        if is_held_out(name) == held_out:
            return name


def invent_many(rng: Random, count: int, held_out: bool) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        name = invent(rng, held_out)
        if name not in names:
            names.append(name)
    return names
