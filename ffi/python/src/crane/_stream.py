"""An answer while it comes about."""

from __future__ import annotations

import queue
from types import TracebackType
from typing import Iterator, Optional, Type, Union

from . import _native
from ._native import Answer, AnswerEvent, CraneError


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
