"""What is true in the tiny world: the houses the base model knows by sight, their cities, founders and wares."""
from dataclasses import dataclass
from random import Random

from . import names
from .emblem import CHARGES, TINCTURES, Emblem, random_emblem

WORLD_SEED = 7
KNOWN, CITIES, COUNTRIES, PEOPLE = 40, 24, 8, 40
WARES = "salt glass honey silk copper paper clocks boats".split()


@dataclass(frozen=True)
class House:
    """A house the base model knows: its emblem is its visual prior, the rest what it remembers."""
    name: str
    emblem: Emblem
    city: str
    founder: str
    ware: str


class World:
    """The fixed world; the same for every seed of the training and evaluation sets."""

    def __init__(self):
        rng = Random(WORLD_SEED)
        pool = names.invent_many(rng, KNOWN + CITIES + COUNTRIES + PEOPLE, held_out=False)
        self.countries, pool = pool[:COUNTRIES], pool[COUNTRIES:]
        self.cities, pool = pool[:CITIES], pool[CITIES:]
        self.people, pool = pool[:PEOPLE], pool[PEOPLE:]
        self.country_of = {city: rng.choice(self.countries) for city in self.cities}
        self.known = [
            House(name, random_emblem(rng, held_out=False), rng.choice(self.cities), person, rng.choice(WARES))
            for name, person in zip(pool, self.people)
        ]
        self.by_name = {h.name: h for h in self.known}


__all__ = ["CHARGES", "TINCTURES", "House", "World"]
