"""The runtime, as Python programs like it: keyword arguments, a context manager, an iterator over an answer."""

from __future__ import annotations

import os
import queue
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Iterator, List, Optional, Sequence, Type, Union

from . import _native
from ._images import Image, encode
from ._native import (
    Answer,
    AnswerEvent,
    Backends,
    Conflict,
    CraneError,
    Fact,
    FactState,
    HistoryEntry,
    MemoryUsage,
    Preview,
    Receipt,
    TrimLevel,
)

Path = Union[str, "os.PathLike[str]"]
Id = Union[str, Fact]
"""A fact, or its id."""
Time = Union[datetime, int]
"""A moment: a datetime, or Unix milliseconds."""

_CODES = _native.error_codes()


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


class Crane:
    """Facts and the models that reason with them. Any thread may call anything at any time.

    Errors are subclasses of `CraneError`: `CraneError.NotFound`, `CraneError.InvalidInput` and so on. A value of the wrong
    type is a `TypeError`. Every change is on disk when its call returns.
    """

    def __init__(
        self,
        models: Path,
        library: Path,
        *,
        key: Optional[str] = None,
        read_only: bool = False,
        keep_thumbnails: bool = False,
        threads: Optional[int] = None,
        gpu_layers: Optional[int] = None,
        idle_unload: Optional[timedelta] = None,
        embedding_cache_bytes: Optional[int] = None,
        memory_budget: Optional[int] = None,
        state: Optional[Path] = None,
    ) -> None:
        """Verifies the models and opens the library, which is created where there is none. No model is loaded yet.

        key: of an encrypted library, as `generate_key` makes one; keep it where only its owner can read it.
        read_only: any number of processes may open the library so, and nothing is created.
        keep_thumbnails: keeps a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again.
        threads: threads for each model; None: one per core, as far as that helps.
        gpu_layers: layers of the language model to run on a GPU; None: as many as fit; 0: none.
        idle_unload: unloads the models when nothing was asked for so long; they are loaded again when needed.
        embedding_cache_bytes: memory for embeddings of recent photos and texts; None: 4 MiB.
        memory_budget: most bytes that models, contexts and caches may take; None: what the device has left.
        state: a folder of the app's own, in which is remembered that a GPU has crashed.
        """
        self._crane = _native.Crane.open(
            _native.OpenOptions(
                models=os.fspath(models),
                library=os.fspath(library),
                key=key,
                read_only=read_only,
                keep_thumbnails=keep_thumbnails,
                threads=threads,
                gpu_layers=gpu_layers,
                idle_unload_ms=None if idle_unload is None else idle_unload // timedelta(milliseconds=1),
                embedding_cache_bytes=embedding_cache_bytes,
                memory_budget=memory_budget,
                state=None if state is None else os.fspath(state),
            )
        )

    def close(self) -> None:
        """Ends every question, frees the models and closes the library. Any use afterwards is `CraneError.Closed`;
        closing again does nothing."""
        self._crane.shut_down()

    def __enter__(self) -> Crane:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def add(self, fact: NewFact) -> Fact:
        """Stores a correction under its photos and texts. It is in force when this returns."""
        return self._crane.add_fact(_native_fact(fact))

    def conflicts(self, fact: NewFact, similarity: float = 0.95) -> List[Conflict]:
        """Active facts that a new one would collide with: the same subject with another target, or a photo at least so
        similar (cosine, -1 to 1). Nothing is stored: supersede one, add the new fact beside them, or leave it."""
        return self._crane.conflicts(_native_fact(fact), similarity)

    def edit(self, id: Id, fact: NewFact) -> Fact:
        """Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is
        found by, and a new statement takes the old one's place among the texts."""
        return self._crane.edit_fact(_id(id), _native_fact(fact))

    def supersede(self, old: Id, fact: NewFact) -> Fact:
        """Stores a correction in place of another one, which stays and fires no more; one undo takes both back."""
        return self._crane.supersede_fact(_id(old), _native_fact(fact))

    def enable(self, fact: Id) -> Fact:
        """Lets a disabled fact fire again."""
        return self._crane.enable_fact(_id(fact))

    def disable(self, fact: Id) -> Fact:
        """Keeps a fact from firing until it is enabled."""
        return self._crane.disable_fact(_id(fact))

    def delete(self, fact: Id) -> Fact:
        """Deletes a fact; its history stays, and an undo brings it back."""
        return self._crane.delete_fact(_id(fact))

    def forget(self, fact: Id) -> Receipt:
        """Erases a fact for good, from every file of the library. It can't be undone."""
        return self._crane.forget_fact(_id(fact))

    def get(self, fact: Id) -> Fact:
        """One fact, whatever its state; `CraneError.NotFound` when there is none."""
        return self._crane.fact(_id(fact))

    def facts(
        self,
        *,
        states: Sequence[FactState] = (),
        source: Optional[str] = None,
        subject: Optional[str] = None,
        valid_at: Optional[Time] = None,
        offset: int = 0,
        limit: Optional[int] = None,
    ) -> List[Fact]:
        """The facts that pass every filter, newest first; without `states` all that are not deleted or forgotten."""
        return self._crane.facts(
            _native.FactFilter(
                states=list(states),
                source=source,
                subject=subject,
                valid_at=_milliseconds(valid_at),
                offset=offset,
                limit=limit,
            )
        )

    def search(self, words: str, limit: int = 20) -> List[Fact]:
        """Facts that hold all these words, the last of which may be begun only; best match first."""
        return self._crane.search_facts(words, limit)

    def history(self, fact: Optional[Id] = None, limit: int = 100) -> List[HistoryEntry]:
        """Changes, newest first, of one fact or of all."""
        return self._crane.history(None if fact is None else _id(fact), limit)

    def undo(self) -> Optional[HistoryEntry]:
        """Takes back the newest change that stands; None: there is none."""
        return self._crane.undo()

    def redo(self) -> Optional[HistoryEntry]:
        """Brings the change back that was undone last, unless something else was done since; None: there is none."""
        return self._crane.redo()

    def preview(self, text: str, image: Optional[Image] = None) -> Preview:
        """Which fact would fire on this question? The language model doesn't run."""
        return self._crane.preview(_question(text, image, AskOptions()))

    def ask(self, text: str, image: Optional[Image] = None, options: AskOptions = AskOptions()) -> Answer:
        """Answers a question, of 1 to 8,000 characters. Ctrl-C cancels it."""
        with self.stream(text, image, options) as stream:
            return stream.answer()

    def stream(self, text: str, image: Optional[Image] = None, options: AskOptions = AskOptions()) -> AnswerStream:
        """Answers a question and iterates over what happens meanwhile.

            with runtime.stream("Whose emblem is this?", "gate.jpg") as events:
                for event in events:
                    if event.is_ANSWER_DELTA():
                        print(event.text, end="")
                print(events.answer().trace)
        """
        return AnswerStream(self._crane, _question(text, image, options))

    def warm_up(self) -> None:
        """Loads every model now, so that the first question need not wait for it."""
        self._crane.warm_up()

    def trim_memory(self, level: TrimLevel = TrimLevel.MODELS) -> None:
        """Gives memory back; nothing that runs is interrupted."""
        self._crane.trim_memory(level)

    def on_background(self) -> None:
        """For apps that are about to be suspended: no GPU is used, no file is locked, everything is on disk."""
        self._crane.on_background()

    def on_foreground(self) -> None:
        """For apps that are back."""
        self._crane.on_foreground()

    def backends(self) -> Backends:
        """What runs the models that are loaded."""
        return self._crane.backends()

    def memory_usage(self) -> MemoryUsage:
        """Bytes in use, part by part."""
        return self._crane.memory_usage()


class AnswerStream(Iterator[AnswerEvent]):
    """What happens while a question is answered, in this order: routed, decided, pieces of the thought, pieces of the
    answer. Leaving it early, or dropping it, cancels the question."""

    def __init__(self, crane: _native.Crane, question: _native.Question) -> None:
        self._heard: queue.SimpleQueue[Union[AnswerEvent, Answer, CraneError]] = queue.SimpleQueue()
        self._end: Union[Answer, CraneError, None] = None
        self._task = crane.ask(question, _Listener(self._heard))

    def __next__(self) -> AnswerEvent:
        if self._end is None:
            heard = self._heard.get()
            if not isinstance(heard, (Answer, CraneError)):
                return heard
            self._end = heard
        if isinstance(self._end, CraneError):
            raise self._end
        raise StopIteration

    def answer(self) -> Answer:
        """The answer, waiting for it; what was not iterated over is passed by."""
        for _ in self:
            pass
        assert isinstance(self._end, Answer)
        return self._end

    def cancel(self) -> None:
        """Ends the question, from any thread; iterating then raises `CraneError.Cancelled`."""
        self._task.cancel()

    def close(self) -> None:
        """Cancels the question, if it has not ended."""
        self._task.cancel()

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class _Listener(_native.AnswerListener):
    """Hands over what it hears. It holds no reference to the stream, so that dropping the stream cancels."""

    def __init__(self, heard: "queue.SimpleQueue[Union[AnswerEvent, Answer, CraneError]]") -> None:
        self._heard = heard

    def on_event(self, event: AnswerEvent) -> None:
        self._heard.put(event)

    def on_answer(self, answer: Answer) -> None:
        self._heard.put(answer)

    def on_error(self, error: CraneError) -> None:
        self._heard.put(error)


def _id(fact: Id) -> str:
    return fact.id if isinstance(fact, Fact) else fact


def _question(text: str, image: Optional[Image], options: AskOptions) -> _native.Question:
    return _native.Question(
        text=text,
        image=None if image is None else encode(image),
        thought_tokens=options.thought_tokens,
        answer_tokens=options.answer_tokens,
        temperature=options.temperature,
        seed=options.seed,
    )


def _milliseconds(time: Optional[Time]) -> Optional[int]:
    return round(time.timestamp() * 1000) if isinstance(time, datetime) else time


def _native_fact(fact: NewFact) -> _native.NewFact:
    return _native.NewFact(
        statement=fact.statement,
        subject=fact.subject,
        target=fact.target,
        images=[encode(image) for image in fact.images],
        texts=list(fact.texts),
        source=fact.source,
        note=fact.note,
        valid_from=_milliseconds(fact.valid_from),
        valid_until=_milliseconds(fact.valid_until),
    )
