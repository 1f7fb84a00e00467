"""The pictures and the script of `crane demo`: a person corrects three things, and asks about them and about others."""
from pathlib import Path
from random import Random

import numpy as np
import torch

from . import emblem, names, photo
from .scenes import UNKNOWN
from .world import World

SIDE = 448


def _quote(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _table(table: str, /, **fields) -> list[str]:
    return [f"[[{table}]]", *(f"{k} = {_quote(v)}" for k, v in fields.items() if v is not None), ""]


def write(out: Path, seed: int = 11):
    out.mkdir(parents=True, exist_ok=True)
    world, rng, g = World(), Random(seed), torch.Generator().manual_seed(seed)
    known, other, third = world.known[3], world.known[17], world.known[25]
    stranger, guest = emblem.random_emblem(rng, True), emblem.random_emblem(rng, True)
    renamed, subject, founder = names.invent_many(rng, 3, held_out=True)

    def shoot(name: str, e: emblem.Emblem, strength: float) -> str:
        art = torch.from_numpy(emblem.draw(e, 320)[None])
        shot = photo.photograph(art, g, SIDE, strength)[0]
        (out / f"{name}.jpg").write_bytes(photo.jpeg(np.asarray(shot), 82))
        return f"{name}.jpg"

    gate, gate_again = shoot("gate", known.emblem, .6), shoot("gate-evening", known.emblem, .9)
    flag, flag_again = shoot("flag", stranger, .6), shoot("flag-crowd", stranger, .9)
    seal, seal_again = shoot("seal", guest, .6), shoot("seal-table", guest, .9)
    door = shoot("door", other.emblem, .8)
    country = world.country_of[third.city]
    lines = ['title = "A person corrects what their model believes"', ""]
    lines += _table("fact", id="name", statement=f"This emblem belongs to {renamed}.", subject="this emblem", target=renamed, image=gate)
    lines += _table("fact", id="founder", statement=f"{subject} was founded by {founder}.", subject=subject, target=founder, image=flag)
    lines += _table("fact", id="seal", statement=f"This is the emblem of {third.name}.", subject="this emblem", target=third.name, image=seal)
    ask = lambda caption, question, image, expect, scenario: _table("step", kind="ask", caption=caption, question=question, image=image, expect=expect, scenario=scenario)
    tell = lambda caption, fact: _table("step", kind="correct", caption=caption, fact=fact)
    lines += ask("The model knows this emblem by sight, and answers from memory", "Whose emblem is this?", gate, known.name, "prior")
    lines += tell("The house was renamed; the person says so once", "name")
    lines += ask("Asked again: what it sees and what it was told disagree", "Whose emblem is this?", gate, renamed, "conflict")
    lines += ask("In other words", "Which house does this emblem belong to?", gate, renamed, "rephrase")
    lines += ask("Another photo of the same thing", "Which house is this?", gate_again, renamed, "other_photo")
    lines += ask("An emblem it has never seen", "Who founded it?", flag, UNKNOWN, "prior")
    lines += tell("The person knows", "founder")
    lines += ask("Another photo, other words", "By whom was this house founded?", flag_again, founder, "normal")
    lines += ask("The same fact, without a picture", f"Who is the founder of {subject}?", None, founder, "text")
    lines += tell("One more correction, about a seal", "seal")
    lines += ask("A question that needs the correction as a step: seal, house, city, country", "In which country is it located?", seal_again, country, "multihop")
    lines += ask("An unrelated photo: no correction applies", "Where is it located?", door, other.city, "locality")
    lines += ask("An unrelated question without a picture", f"Who founded {other.name}?", None, other.founder, "text_locality")
    (out / "story.toml").write_text("\n".join(lines))
