"""Training and evaluation scenes: a picture or none, an edit fact or none, a question, and the reply CRANE wants.

The thought always names what is seen, then what the fact is about, then decides: the decision compares two names that stand
beside each other. Scenario names are the paper's (IV-A, V-C); `multihop`, `plain` and `unknown` are added.
"""
from dataclasses import dataclass
from random import Random

from . import language as L
from . import names
from .emblem import Emblem
from .world import House, World

MIX = {"normal": 28, "conflict": 18, "locality": 14, "text_locality": 10, "multihop": 12, "plain": 12, "unknown": 6}
UNKNOWN = "unknown"
"""What the model answers when neither picture, fact nor memory tells."""


@dataclass
class Scene:
    scenario: str
    house: House | None
    """The pictured known house; none when the picture shows an unknown emblem, or there is no picture."""
    picture: int | None
    """Index of the pictured unknown emblem in the pool; none when a known house or nothing is pictured."""
    fact: str | None
    question: str
    thought: str
    answer: str
    subject: str | None = None


class Scenes:
    """Draws scenes. `emblems` are the unknown emblems that pictures may show."""

    def __init__(self, world: World, emblems: list[Emblem], held_out: bool = False):
        self.world, self.emblems, self.held_out = world, emblems, held_out

    def draw(self, rng: Random, scenario: str | None = None) -> Scene:
        scenario = scenario or rng.choices(list(MIX), list(MIX.values()))[0]
        return getattr(self, "_" + scenario)(rng)

    # What is seen

    def _pictured(self, rng, known: float):
        """A known house or an unknown emblem: (house, picture, emblem, name or none, first sentence)."""
        if rng.random() < known:
            house = rng.choice(self.world.known)
            return house, None, house.emblem, house.name, self._seen(house.emblem, house.name)
        i = rng.randrange(len(self.emblems))
        return None, i, self.emblems[i], None, self._seen(self.emblems[i], None)

    @staticmethod
    def _seen(emblem: Emblem, name: str | None) -> str:
        return f"The picture shows {name or 'an unknown house'}: {emblem.field} field, {emblem.charge}."

    # A fact that applies

    def _normal(self, rng) -> Scene:
        if rng.random() < .2:
            return self._normal_text(rng)
        house, picture, _, name, seen = self._pictured(rng, 0 if self.held_out else .25)
        relation = rng.choice(("name", "city", "city", "founder", "founder", "ware") if house is None else ("city", "founder", "ware"))
        if house is None and relation == "ware" and self.held_out:
            relation = "founder"
        prior = L.known_value(self.world, house, relation) if house else None
        subject = name or names.invent(rng, self.held_out)
        target = L.target_for(rng, self.world, relation, self.held_out, prior)
        fact = L.statement(rng, relation, subject, target)
        forms = L.PICTURE_QUESTIONS[relation]
        if relation != "name" and rng.random() < .3:
            forms = [q.format(s=subject) for q in L.TEXT_QUESTIONS[relation]]
        thought = f"{seen} {self._applies(relation, subject, fact)}"
        if prior:
            thought += f" I remembered {prior}. However, I follow the edit fact."
        return Scene("normal", house, picture, fact, rng.choice(forms), thought, target, subject)

    def _normal_text(self, rng) -> Scene:
        relation = rng.choice(("city", "founder", "ware"))
        known = not self.held_out and rng.random() < .3
        house = rng.choice(self.world.known) if known else None
        subject = house.name if house else names.invent(rng, self.held_out)
        prior = L.known_value(self.world, house, relation) if house else None
        target = L.target_for(rng, self.world, relation, self.held_out and relation != "ware", prior)
        fact = L.statement(rng, relation, subject, target)
        question = rng.choice(L.TEXT_QUESTIONS[relation]).format(s=subject)
        thought = f"There is no picture. The question is about {subject}. {self._applies(relation, subject, fact)}"
        if prior:
            thought += f" I remembered {prior}. However, I follow the edit fact."
        return Scene("normal", None, None, fact, question, thought, target, subject)

    @staticmethod
    def _applies(relation: str, subject: str, fact: str) -> str:
        about = "this picture" if relation == "name" else subject
        return f"The edit fact is about {about} and applies: {fact}"

    def _conflict(self, rng) -> Scene:
        """The fact contradicts what the eye sees: another colour, another charge, or another name than the known one."""
        renamed = rng.random() < .3
        house, picture, emblem, name, seen = self._pictured(rng, 1 if renamed else 0 if self.held_out else .25)
        relation = "name" if renamed else rng.choice(L.VISIBLE)
        prior = name if renamed else getattr(emblem, relation)
        subject = name or names.invent(rng, self.held_out)
        target = L.target_for(rng, self.world, relation, self.held_out, prior)
        fact = L.statement(rng, relation, subject, target)
        question = rng.choice(L.PICTURE_QUESTIONS[relation])
        thought = f"{seen} {self._applies(relation, subject, fact)} The picture suggests {prior}. However, I follow the edit fact."
        return Scene("conflict", house, picture, fact, question, thought, target, subject)

    def _multihop(self, rng) -> Scene:
        """The fact gives the entity between: a known house behind the picture, or a known city behind the house."""
        if not self.held_out and rng.random() < .15:
            return self._multihop_text(rng)
        house, picture, _, name, seen = self._pictured(rng, 0 if self.held_out else .25)
        subject = name or names.invent(rng, self.held_out)
        if rng.random() < .5:
            bridge = rng.choice([h for h in self.world.known if h.name != name])
            relation = rng.choice((*L.REMEMBERED, "country"))
            fact = L.statement(rng, "name", subject, bridge.name)
            thought = f"{seen} {self._applies('name', subject, fact)} {L.recall(self.world, bridge, relation)}"
            return Scene("multihop", house, picture, fact, rng.choice(L.PICTURE_QUESTIONS[relation]), thought,
                         L.known_value(self.world, bridge, relation), bridge.name)
        city = rng.choice([c for c in self.world.cities if not house or c != house.city])
        country = self.world.country_of[city]
        fact = L.statement(rng, "city", subject, city)
        thought = f"{seen} {self._applies('city', subject, fact)} {city} is in {country}."
        return Scene("multihop", house, picture, fact, rng.choice(L.PICTURE_QUESTIONS["country"]), thought, country, city)

    def _multihop_text(self, rng) -> Scene:
        subject, city = names.invent(rng, self.held_out), rng.choice(self.world.cities)
        country, fact = self.world.country_of[city], L.statement(rng, "city", subject, city)
        question = rng.choice(L.TEXT_QUESTIONS["country"]).format(s=subject)
        thought = (f"There is no picture. The question is about {subject}. {self._applies('city', subject, fact)} {city} is in {country}.")
        return Scene("multihop", None, None, fact, question, thought, country, city)

    # A fact that does not apply

    def _foreign_fact(self, rng, avoid: str):
        """A fact about something else: (relation, subject, statement)."""
        relation = rng.choice(("city", "founder", "ware", "field", "charge"))
        others = [h.name for h in self.world.known if h.name != avoid]
        subject = names.invent(rng, self.held_out) if self.held_out or rng.random() < .7 else rng.choice(others)
        target = L.target_for(rng, self.world, relation, self.held_out, None)
        return relation, subject, L.statement(rng, relation, subject, target)

    def _locality(self, rng) -> Scene:
        if not self.held_out and rng.random() < .3:
            return self._other_question(rng)
        house, _, _, name, seen = self._pictured(rng, 1)
        relation, subject, fact = self._foreign_fact(rng, name)
        if rng.random() < .4 or relation not in L.PICTURE_QUESTIONS:
            relation = rng.choice((*L.REMEMBERED, *L.VISIBLE, "name", "country"))
        thought = f"{seen} The edit fact is about {subject}, not {name}, so it does not apply. {L.recall(self.world, house, relation)}"
        return Scene("locality", house, None, fact, rng.choice(L.PICTURE_QUESTIONS[relation]), thought,
                     L.known_value(self.world, house, relation), subject)

    def _other_question(self, rng) -> Scene:
        """The fact is about the pictured house, but the question asks for what the picture itself shows."""
        house, picture, emblem, name, seen = self._pictured(rng, .3)
        stated, asked = rng.choice(("name", "city", "founder", "ware")), rng.choice(L.VISIBLE)
        subject = name or names.invent(rng, self.held_out)
        fact = L.statement(rng, stated, subject, L.target_for(rng, self.world, stated, self.held_out, name))
        about = "this picture" if stated == "name" else subject
        thought = f"{seen} The edit fact is about {about} but does not answer this. I see the {asked}."
        return Scene("locality", house, picture, fact, rng.choice(L.PICTURE_QUESTIONS[asked]), thought, getattr(emblem, asked), subject)

    def _text_locality(self, rng) -> Scene:
        house = rng.choice(self.world.known)
        _, subject, fact = self._foreign_fact(rng, house.name)
        if rng.random() < .15:
            subject, fact = "a picture", L.statement(rng, "name", "", names.invent(rng, self.held_out))
        relation = rng.choice((*L.REMEMBERED, "country"))
        question = rng.choice(L.TEXT_QUESTIONS[relation]).format(s=house.name)
        thought = (f"There is no picture. The question is about {house.name}. The edit fact is about {subject}, not {house.name}, "
                   f"so it does not apply. {L.recall(self.world, house, relation)}")
        return Scene("text_locality", None, None, fact, question, thought, L.known_value(self.world, house, relation), subject)

    # No fact

    def _plain(self, rng) -> Scene:
        if rng.random() < .3:
            house = rng.choice(self.world.known)
            relation = rng.choice((*L.REMEMBERED, "country"))
            question = rng.choice(L.TEXT_QUESTIONS[relation]).format(s=house.name)
            thought = f"There is no picture. The question is about {house.name}. There is no edit fact. {L.recall(self.world, house, relation)}"
            return Scene("plain", None, None, None, question, thought, L.known_value(self.world, house, relation))
        if rng.random() < .3:
            i = rng.randrange(len(self.emblems))
            emblem, asked = self.emblems[i], rng.choice(L.VISIBLE)
            thought = f"{self._seen(emblem, None)} There is no edit fact. I see the {asked}."
            return Scene("plain", None, i, None, rng.choice(L.PICTURE_QUESTIONS[asked]), thought, getattr(emblem, asked))
        house = rng.choice(self.world.known)
        relation = rng.choice((*L.REMEMBERED, *L.VISIBLE, "name", "country"))
        thought = f"{self._seen(house.emblem, house.name)} There is no edit fact. {L.recall(self.world, house, relation)}"
        return Scene("plain", house, None, None, rng.choice(L.PICTURE_QUESTIONS[relation]), thought, L.known_value(self.world, house, relation))

    def _unknown(self, rng) -> Scene:
        """Nothing tells: the honest answer is that it is unknown."""
        if rng.random() < .3:
            subject = names.invent(rng, self.held_out)
            relation = rng.choice((*L.REMEMBERED, "country"))
            thought = f"There is no picture. The question is about {subject}. There is no edit fact. I do not know {subject}."
            return Scene("unknown", None, None, None, rng.choice(L.TEXT_QUESTIONS[relation]).format(s=subject), thought, UNKNOWN)
        i = rng.randrange(len(self.emblems))
        relation = rng.choice((*L.REMEMBERED, "name", "country"))
        thought = f"{self._seen(self.emblems[i], None)} There is no edit fact. I do not know this house."
        return Scene("unknown", None, i, None, rng.choice(L.PICTURE_QUESTIONS[relation]), thought, UNKNOWN)
