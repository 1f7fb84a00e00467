"""The small language of the world: statements, questions, and what the base model says from memory."""
from random import Random

from . import names
from .world import CHARGES, TINCTURES, WARES, World

STATEMENTS = {
    "name": ["This emblem belongs to {o}.", "This is the emblem of {o}.", "The house shown here is {o}."],
    "city": ["{s} is located in {o}.", "{s} lies in {o}.", "The seat of {s} is in {o}."],
    "founder": ["{s} was founded by {o}.", "The founder of {s} is {o}."],
    "ware": ["{s} is known for {o}.", "{s} makes {o}."],
    "field": ["The field of {s} is {o}.", "{s} bears the colour {o}."],
    "charge": ["The charge of {s} is a {o}.", "{s} bears a {o}."],
}
"""Relation to the ways a correction states it; `{s}` is the subject, `{o}` the target."""

PICTURE_QUESTIONS = {
    "name": ["Whose emblem is this?", "Which house is this?", "Which house does this emblem belong to?", "What is the name of this house?"],
    "city": ["Where is it located?", "In which city is its seat?", "Where does this house lie?", "Which city is it in?"],
    "founder": ["Who founded it?", "Who is its founder?", "By whom was this house founded?"],
    "ware": ["What is it known for?", "What does it make?", "What does this house make?"],
    "field": ["What colour is its field?", "Which colour does it bear?", "What is the colour of the field?"],
    "charge": ["Which charge does it bear?", "What is its charge?", "What does the emblem show?"],
    "country": ["In which country is it located?", "Which country does its seat belong to?", "In which country is its seat?"],
}

TEXT_QUESTIONS = {
    "city": ["Where is {s} located?", "In which city is the seat of {s}?", "Where does {s} lie?"],
    "founder": ["Who founded {s}?", "Who is the founder of {s}?", "By whom was {s} founded?"],
    "ware": ["What is {s} known for?", "What does {s} make?"],
    "field": ["What colour is the field of {s}?", "Which colour does {s} bear?"],
    "charge": ["Which charge does {s} bear?", "What is the charge of {s}?"],
    "country": ["In which country is {s}?", "Which country does the seat of {s} belong to?"],
}

VISIBLE = ("field", "charge")
"""Relations that a picture answers by itself: where a fact can contradict what is seen."""

REMEMBERED = ("city", "founder", "ware")
"""Relations that only memory or a fact answers."""


def statement(rng: Random, relation: str, subject: str, target: str) -> str:
    return rng.choice(STATEMENTS[relation]).format(s=subject, o=target)


def target_for(rng: Random, world: World, relation: str, held_out: bool, avoid: str | None) -> str:
    """A target that is not `avoid`: an invented name where the relation takes one, else from the closed list."""
    while True:
        if relation == "name":
            target = names.invent(rng, held_out)
        elif relation == "city":
            target = names.invent(rng, held_out) if held_out or rng.random() < .6 else rng.choice(world.cities)
        elif relation == "founder":
            target = names.invent(rng, held_out) if held_out or rng.random() < .7 else rng.choice(world.people)
        else:
            target = rng.choice({"ware": WARES, "field": list(TINCTURES), "charge": CHARGES}[relation])
        if target != avoid:
            return target


def known_value(world: World, house, relation: str) -> str:
    return {"name": house.name, "city": house.city, "founder": house.founder, "ware": house.ware, "field": house.emblem.field,
            "charge": house.emblem.charge, "country": world.country_of[house.city]}[relation]


def recall(world: World, house, relation: str) -> str:
    """The sentences by which the model recalls what it knows of a house."""
    e = house
    return {
        "name": f"This is {e.name}.",
        "city": f"{e.name} lies in {e.city}.",
        "founder": f"{e.name} was founded by {e.founder}.",
        "ware": f"{e.name} makes {e.ware}.",
        "field": f"The field of {e.name} is {e.emblem.field}.",
        "charge": f"{e.name} bears a {e.emblem.charge}.",
        "country": f"{e.name} lies in {e.city}. {e.city} is in {world.country_of[e.city]}.",
    }[relation]
