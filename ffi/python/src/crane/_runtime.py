"""The runtime, as Python programs like it: keyword arguments, a context manager, an iterator over an answer."""

from __future__ import annotations

import os
from datetime import timedelta
from types import TracebackType
from typing import List, Optional, Sequence, Type, Union

from . import _native
from ._images import Image
from ._native import (
    Answer,
    Backends,
    BundleInfo,
    Conflict,
    Device,
    ExportReport,
    Fact,
    FactState,
    HistoryEntry,
    ImportPreview,
    ImportReport,
    Key,
    MemoryUsage,
    OnConflict,
    Preview,
    Receipt,
    TrimLevel,
)
from ._stream import AnswerStream
from ._values import AskOptions, Id, NewFact, OnProgress, Path, Time, id_of, milliseconds, native_fact, native_question
from ._values import watched


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
        return self._crane.add_fact(native_fact(fact))

    def conflicts(self, fact: NewFact, similarity: float = 0.95) -> List[Conflict]:
        """Active facts that a new one would collide with: the same subject with another target, or a photo at least so
        similar (cosine, -1 to 1). Nothing is stored: supersede one, add the new fact beside them, or leave it."""
        return self._crane.conflicts(native_fact(fact), similarity)

    def edit(self, id: Id, fact: NewFact) -> Fact:
        """Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is
        found by, and a new statement takes the old one's place among the texts."""
        return self._crane.edit_fact(id_of(id), native_fact(fact))

    def supersede(self, old: Id, fact: NewFact) -> Fact:
        """Stores a correction in place of another one, which stays and fires no more; one undo takes both back."""
        return self._crane.supersede_fact(id_of(old), native_fact(fact))

    def supersede_all(self, old: Sequence[Id], fact: NewFact) -> Fact:
        """Stores a correction in place of several others, such as all that `conflicts` names, as one change; `supersedes` of
        the new fact names the first."""
        return self._crane.supersede_facts([id_of(one) for one in old], native_fact(fact))

    def enable(self, fact: Id) -> Fact:
        """Lets a disabled fact fire again."""
        return self._crane.enable_fact(id_of(fact))

    def disable(self, fact: Id) -> Fact:
        """Keeps a fact from firing until it is enabled."""
        return self._crane.disable_fact(id_of(fact))

    def delete(self, fact: Id) -> Fact:
        """Deletes a fact; its history stays, and an undo brings it back."""
        return self._crane.delete_fact(id_of(fact))

    def forget(self, fact: Id) -> Receipt:
        """Erases a fact for good, from every file of the library. It can't be undone."""
        return self._crane.forget_fact(id_of(fact))

    def get(self, fact: Id) -> Fact:
        """One fact, whatever its state; `CraneError.NotFound` when there is none."""
        return self._crane.fact(id_of(fact))

    def keys(self, fact: Id) -> List[Key]:
        """What a fact is found by, in the order of adding."""
        return self._crane.fact_keys(id_of(fact))

    def thumbnail(self, key: Union[int, Key]) -> Optional[bytes]:
        """The small copy of a photo (JPEG), where the library keeps one, see `keep_thumbnails`."""
        return self._crane.thumbnail(key.id if isinstance(key, Key) else key)

    def receipts(self) -> List[Receipt]:
        """Receipts of all forgotten facts, oldest first."""
        return self._crane.receipts()

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
                valid_at=milliseconds(valid_at),
                offset=offset,
                limit=limit,
            )
        )

    def search(self, words: str, limit: int = 20) -> List[Fact]:
        """Facts that hold all these words, the last of which may be begun only; best match first."""
        return self._crane.search_facts(words, limit)

    def history(self, fact: Optional[Id] = None, limit: int = 100) -> List[HistoryEntry]:
        """Changes, newest first, of one fact or of all."""
        return self._crane.history(None if fact is None else id_of(fact), limit)

    def as_of(self, fact: Id, seq: int) -> Fact:
        """A fact as it was right after a change of the history, which is named by its `seq`; `CraneError.NotFound` where the
        fact did not exist then, or is forgotten."""
        return self._crane.fact_as_of(id_of(fact), seq)

    def restore(self, fact: Id, seq: int) -> Fact:
        """Makes a fact what it was right after a change of the history. That is a change of its own, which an undo takes
        back."""
        return self._crane.restore_fact(id_of(fact), seq)

    def undo(self) -> Optional[HistoryEntry]:
        """Takes back the newest change that stands; None: there is none."""
        return self._crane.undo()

    def redo(self) -> Optional[HistoryEntry]:
        """Brings the change back that was undone last, unless something else was done since; None: there is none."""
        return self._crane.redo()

    def preview(self, text: str, image: Optional[Image] = None, *, source: Optional[str] = None) -> Preview:
        """Which fact would fire on this question? The language model doesn't run.

        source: only facts with exactly this source may fire; None: all may.
        """
        return self._crane.preview(native_question(text, image, source, AskOptions()))

    def ask(
        self,
        text: str,
        image: Optional[Image] = None,
        options: AskOptions = AskOptions(),
        *,
        source: Optional[str] = None,
    ) -> Answer:
        """Answers a question, of 1 to 8,000 characters. Ctrl-C cancels it.

        source: only facts with exactly this source may fire; None: all may.
        """
        with self.stream(text, image, options, source=source) as stream:
            return stream.answer()

    def stream(
        self,
        text: str,
        image: Optional[Image] = None,
        options: AskOptions = AskOptions(),
        *,
        source: Optional[str] = None,
    ) -> AnswerStream:
        """Answers a question as `ask` does, and iterates over what happens meanwhile.

            with runtime.stream("Whose emblem is this?", "gate.jpg") as events:
                for event in events:
                    if event.is_ANSWER_DELTA():
                        print(event.text, end="")
                print(events.answer().trace)
        """
        return AnswerStream(self._crane, native_question(text, image, source, options))

    def export_pack(
        self,
        file: Path,
        *,
        facts: Optional[Sequence[Id]] = None,
        thumbnails: bool = True,
        history: bool = True,
        signing_key: Optional[str] = None,
        on_progress: Optional[OnProgress] = None,
    ) -> ExportReport:
        """Writes facts to a file, which appears under its name only when it is complete. It is not encrypted, and forgetting
        a fact does not reach it.

        facts: these, in whatever state; None: every fact that is not deleted, and the receipts of forgotten ones.
        thumbnails: takes along the small copies of photos, where they are kept.
        history: takes along what the facts said before, and when they were changed.
        signing_key: the key that the pack is signed with, as `generate_signing_key` makes one; None: it is not signed.
        """
        options = _native.ExportOptions(
            facts=None if facts is None else [id_of(fact) for fact in facts],
            thumbnails=thumbnails,
            history=history,
            signing_key=signing_key,
        )
        return watched(on_progress, lambda told: self._crane.export_pack(os.fspath(file), options, told))

    def preview_pack(
        self,
        file: Path,
        *,
        trusted: Sequence[str] = (),
        similarity: float = 0.95,
        on_progress: Optional[OnProgress] = None,
    ) -> ImportPreview:
        """Compares a pack with the library: what an import would find. Nothing is stored. `CraneError.PackCorrupt` for a file
        that is damaged, altered, incomplete, wrongly signed or no pack at all.

        trusted: the signers that the person trusts, each as `public_key` gives it.
        similarity: from which similarity (cosine, -1 to 1) two photos are taken for the same picture.
        """
        options = _native.ImportOptions(trusted=list(trusted), similarity=similarity)
        return watched(on_progress, lambda told: self._crane.preview_pack(os.fspath(file), options, told))

    def import_pack(
        self,
        file: Path,
        *,
        trusted: Sequence[str] = (),
        similarity: float = 0.95,
        on_conflict: OnConflict = OnConflict.SKIP,
        on_progress: Optional[OnProgress] = None,
    ) -> ImportReport:
        """Imports a pack: all of it or nothing, as one change that one undo takes back. Facts of packs whose signer is not
        trusted are marked so for good.

        on_conflict: what becomes of facts that something stands against; the rest as in `preview_pack`.
        """
        options = _native.ImportOptions(trusted=list(trusted), similarity=similarity, on_conflict=on_conflict)
        return watched(on_progress, lambda told: self._crane.import_pack(os.fspath(file), options, told))

    def model_info(self) -> BundleInfo:
        """What the models are, without loading them."""
        return self._crane.model_info()

    def devices(self) -> List[Device]:
        """What the language model can compute on; GPUs that crashed an earlier start are left alone and missing."""
        return self._crane.devices()

    def warm_up(self, on_progress: Optional[OnProgress] = None) -> None:
        """Loads every model now, so that the first question need not wait for it. `on_progress` is told how far it is, never
        less than before, and 1 in the end."""
        watched(on_progress, self._crane.warm_up)

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
