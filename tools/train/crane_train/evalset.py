"""Evaluation sets for any seed: libraries of facts about emblems and names that no training step saw, and the cases asked of them.

Layout (read by `crane eval`): `<library>.facts.jsonl`, `cases.jsonl`, `photos/*.jpg`.
"""
import json
from pathlib import Path
from random import Random

import torch

from . import emblem, language as L, names, photo
from .scenes import UNKNOWN
from .world import World

ENTITIES, SINGLES, FAMILY = 200, 140, 3
KEY_STRENGTH, QUERY_STRENGTH = .6, 1.


def held_out_emblems(rng: Random, singles: int = SINGLES, total: int = ENTITIES) -> list[emblem.Emblem]:
    """`singles` emblems and families of three near-duplicates up to `total`, all different."""
    out: list[emblem.Emblem] = []
    while len(out) < total:
        more = [emblem.random_emblem(rng, True)] if len(out) < singles else emblem.family(rng, FAMILY, True)
        if not set(more) & set(out):
            out += more
    return out[:total]


class Writer:
    def __init__(self, out: Path, seed: int, per_scenario: int = 300, side: int = 224):
        self.out, self.rng, self.count, self.side = out, Random(seed), per_scenario, side
        self.g = torch.Generator().manual_seed(seed)
        self.world, self.cases = World(), []
        (out / "photos").mkdir(parents=True, exist_ok=True)

    def shoot(self, emblems, prefix: str, strength: float) -> list[str]:
        """One photo of each emblem; returns the file names."""
        files = []
        for data in photo.shoot(emblems, self.g, self.rng, strength, self.side):
            name = f"photos/{prefix}{len(files):04}.jpg"
            (self.out / name).write_bytes(data)
            files.append(name)
        return files

    def case(self, scenario, library, question, image, fact, gold, intermediate=None):
        self.cases.append(dict(scenario=scenario, library=library, question=question, image=image, fact=fact, gold=gold, intermediate=intermediate))

    def library(self, name: str, make_fact):
        """200 held-out emblems with one fact each; `make_fact(emblem, subject)` gives (statement, relation, target)."""
        emblems = held_out_emblems(self.rng)
        subjects = names.invent_many(self.rng, len(emblems), held_out=True)
        photos = self.shoot(emblems, f"{name}-key", KEY_STRENGTH)
        facts = []
        for i, (e, subject, picture) in enumerate(zip(emblems, subjects, photos)):
            statement, relation, target = make_fact(e, subject)
            facts.append(dict(id=f"{name}-{i}", statement=statement, subject=subject, target=target, images=[picture], texts=[], relation=relation))
        lines = [json.dumps({k: v for k, v in f.items() if k != "relation"}) for f in facts]
        (self.out / f"{name}.facts.jsonl").write_text("\n".join(lines) + "\n")
        picks = [i % ENTITIES for i in range(self.count)]
        queries = self.shoot([emblems[i] for i in picks], f"{name}-query", QUERY_STRENGTH)
        return emblems, facts, list(zip(picks, queries))

    def _fact(self, relations, held_out_target=True):
        def make(e, subject):
            relation = self.rng.choice(relations)
            target = L.target_for(self.rng, self.world, relation, held_out_target, getattr(e, relation, None))
            return L.statement(self.rng, relation, subject, target), relation, target
        return make

    def normal(self):
        _, facts, asked = self.library("normal", self._fact(("name", "city", "city", "founder", "founder")))
        for i, picture in asked:
            self.case("normal", "normal", self.rng.choice(L.PICTURE_QUESTIONS[facts[i]["relation"]]), picture, facts[i]["id"], facts[i]["target"])
        told = [f for f in facts if f["relation"] != "name"]
        for k in range(self.count):
            f = told[k % len(told)]
            self.case("text", "normal", self.rng.choice(L.TEXT_QUESTIONS[f["relation"]]).format(s=f["subject"]), None, f["id"], f["target"])
        self._from_memory()

    def _from_memory(self):
        """What the model knows must stay as it is, with 200 foreign facts in the library (locality) and without any (plain)."""
        houses = [self.world.known[i % len(self.world.known)] for i in range(self.count)]
        for scenario, library in (("locality", "normal"), ("plain", "empty")):
            for house, picture in zip(houses, self.shoot([h.emblem for h in houses], scenario, QUERY_STRENGTH)):
                relation = self.rng.choice((*L.REMEMBERED, *L.VISIBLE, "name", "country"))
                self.case(scenario, library, self.rng.choice(L.PICTURE_QUESTIONS[relation]), picture, None, L.known_value(self.world, house, relation))
        for house in houses:
            relation = self.rng.choice((*L.REMEMBERED, "country"))
            self.case("text_locality", "normal", self.rng.choice(L.TEXT_QUESTIONS[relation]).format(s=house.name), None, None,
                      L.known_value(self.world, house, relation))
        (self.out / "empty.facts.jsonl").write_text("")
        strangers = held_out_emblems(self.rng, self.count, self.count)
        for picture in self.shoot(strangers, "unknown", QUERY_STRENGTH):
            relation = self.rng.choice((*L.REMEMBERED, "name", "country"))
            self.case("unknown", "normal", self.rng.choice(L.PICTURE_QUESTIONS[relation]), picture, None, UNKNOWN)

    def conflict(self):
        _, facts, asked = self.library("conflict", self._fact(L.VISIBLE))
        for i, picture in asked:
            self.case("conflict", "conflict", self.rng.choice(L.PICTURE_QUESTIONS[facts[i]["relation"]]), picture, facts[i]["id"], facts[i]["target"])

    def multihop(self):
        def make(_, subject):
            if self.rng.random() < .5:
                house = self.rng.choice(self.world.known)
                return L.statement(self.rng, "name", subject, house.name), "name", house.name
            city = self.rng.choice(self.world.cities)
            return L.statement(self.rng, "city", subject, city), "city", city
        _, facts, asked = self.library("multihop", make)
        for i, picture in asked:
            f = facts[i]
            if f["relation"] == "name":
                relation = self.rng.choice((*L.REMEMBERED, "country"))
                gold = L.known_value(self.world, self.world.by_name[f["target"]], relation)
            else:
                relation, gold = "country", self.world.country_of[f["target"]]
            self.case("multihop", "multihop", self.rng.choice(L.PICTURE_QUESTIONS[relation]), picture, f["id"], gold, f["target"])

    def write(self):
        self.normal()
        self.conflict()
        self.multihop()
        (self.out / "cases.jsonl").write_text("\n".join(json.dumps(c) for c in self.cases) + "\n")
