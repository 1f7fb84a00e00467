"""Correct a fact once, on your own device, and the model on that device reasons with the correction.

    with crane.Crane("models/tiny", "my-library") as runtime:
        runtime.add(crane.NewFact("This emblem belongs to Theaprairk.", target="Theaprairk", images=["gate.jpg"]))
        print(runtime.ask("Whose emblem is this?", "gate.jpg").text)
"""

from ._images import Image
from ._native import (
    Answer,
    AnswerEvent,
    Backends,
    Conflict,
    CraneError,
    Decision,
    Fact,
    FactState,
    Finish,
    Hit,
    HistoryEntry,
    MemoryUsage,
    Origin,
    PassReason,
    Preview,
    Receipt,
    ReplyTrace,
    Route,
    StageTimes,
    Trace,
    TrimLevel,
)
from ._native import generate_key
from ._native import version as _version
from ._runtime import AnswerStream, AskOptions, Crane, NewFact, error_code

__version__: str = _version()

__all__ = [
    "Answer",
    "AnswerEvent",
    "AnswerStream",
    "AskOptions",
    "Backends",
    "Conflict",
    "Crane",
    "CraneError",
    "Decision",
    "Fact",
    "FactState",
    "Finish",
    "Hit",
    "HistoryEntry",
    "Image",
    "MemoryUsage",
    "NewFact",
    "Origin",
    "PassReason",
    "Preview",
    "Receipt",
    "ReplyTrace",
    "Route",
    "StageTimes",
    "Trace",
    "TrimLevel",
    "error_code",
    "generate_key",
]
