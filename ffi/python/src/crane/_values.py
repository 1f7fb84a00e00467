"""Values that programs hand over, and what becomes of them on the way to the library."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Callable, Optional, Sequence, TypeVar, Union

from . import _native
from ._images import Image, encode
from ._native import CraneError, Fact

Path = Union[str, "os.PathLike[str]"]
Id = Union[str, Fact]
"""A fact, or its id."""
Time = Union[datetime, int]
"""A moment: a datetime, or Unix milliseconds."""
OnProgress = Callable[[float], object]
"""Told how far work is, 0 to 1. An exception that it raises ends the work, and is raised by the call."""

_CODES = _native.error_codes()
_Result = TypeVar("_Result")


def error_code(error: CraneError) -> int:
    """The stable number of an error, the same in every language."""
    return _CODES[type(error).__name__]


@dataclass
class NewFact:
    """A correction as the person states it."""

    statement: str
    """The fact in one or two sentences, 1 to 2,000 characters."""
    subject: Optional[str] = None
    """What the fact is about ("Brasenose College"), 1 to 500 characters."""
    target: Optional[str] = None
    """What it says of it, the expected answer ("Oxford"), 1 to 500 characters."""
    images: Sequence[Image] = ()
    """Photos of what the fact is about, at most 32."""
    texts: Sequence[str] = ()
    """Further texts under which it is found, at most 32 of 1 to 2,000 characters; the statement always is one."""
    source: Optional[str] = None
    """Where it comes from ("museum label"), 1 to 500 characters."""
    note: Optional[str] = None
    """The person's own remark, 1 to 2,000 characters."""
    valid_from: Optional[Time] = None
    """First moment it holds; None: always has."""
    valid_until: Optional[Time] = None
    """Moment from which it no longer holds; None: never ends."""


@dataclass(frozen=True)
class AskOptions:
    """How a question is answered; what is None is as the bundle has it."""

    thought_tokens: Optional[int] = None
    """Most tokens of the thought, after which it is closed; 0: the answer alone."""
    answer_tokens: Optional[int] = None
    """Most tokens of the answer, 1 or more."""
    temperature: Optional[float] = None
    """0: always the likeliest token; above, up to 2: drawn by chance."""
    seed: int = 0
    """What chance draws from: the same seed, question and library give the same reply."""


def id_of(fact: Id) -> str:
    return fact.id if isinstance(fact, Fact) else fact


def native_question(
    text: str, image: Optional[Image], source: Optional[str], options: AskOptions
) -> _native.Question:
    return _native.Question(
        text=text,
        image=None if image is None else encode(image),
        source=source,
        thought_tokens=options.thought_tokens,
        answer_tokens=options.answer_tokens,
        temperature=options.temperature,
        seed=options.seed,
    )


def milliseconds(time: Optional[Time]) -> Optional[int]:
    return round(time.timestamp() * 1000) if isinstance(time, datetime) else time


def native_fact(fact: NewFact) -> _native.NewFact:
    return _native.NewFact(
        statement=fact.statement,
        subject=fact.subject,
        target=fact.target,
        images=[encode(image) for image in fact.images],
        texts=list(fact.texts),
        source=fact.source,
        note=fact.note,
        valid_from=milliseconds(fact.valid_from),
        valid_until=milliseconds(fact.valid_until),
    )


def watched(on_progress: Optional[OnProgress], work: Callable[[Optional[_native.ProgressListener]], _Result]) -> _Result:
    """Runs work that tells how far it is. What `on_progress` raises ends it, and is raised here."""
    if on_progress is None:
        return work(None)
    listener = _Progress(on_progress)
    try:
        return work(listener)
    except CraneError.Cancelled:
        if listener.raised is not None:
            raise listener.raised from None
        raise


class _Progress(_native.ProgressListener):
    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self.raised: Optional[BaseException] = None

    def on_progress(self, share: float) -> None:
        try:
            self._on_progress(share)
        except BaseException as error:
            self.raised = error
            raise _native.ListenerError.Failed() from error
