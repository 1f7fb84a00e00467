"""What is done to a library while nobody uses it."""

from __future__ import annotations

import os
from typing import List, Optional, Sequence

from . import _native
from ._native import CheckReport, Fact, ReembedReport, RepairReport, SalvageReport
from ._values import Id, OnProgress, Path, id_of, watched


class FactLibrary:
    """A library's folder, for what is done to it while no `Crane` is open on it, and for one that can't be opened. It holds
    nothing open, and needs no models but to re-embed."""

    def __init__(self, folder: Path, key: Optional[str] = None) -> None:
        """Names a folder, and the key of the library there if it is encrypted. Nothing is looked at yet."""
        self._library = _native.FactLibrary(os.fspath(folder), key)

    def check(self, on_progress: Optional[OnProgress] = None) -> CheckReport:
        """Checks database, history, full text, index files and vectors against each other. Nothing is changed, and a finding
        is no error. The library may be in use meanwhile."""
        return watched(on_progress, self._library.check)

    def repair(self, on_progress: Optional[OnProgress] = None) -> RepairReport:
        """Checks the library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies
        up. Facts, keys and history are never touched. A second check follows, of which `on_progress` is told from 0 again."""
        return watched(on_progress, self._library.repair)

    def salvage(
        self, into: Path, models: Optional[Path] = None, on_progress: Optional[OnProgress] = None
    ) -> SalvageReport:
        """Saves what can be read of a damaged library into a new one, whose folder must be empty or missing; it has the same
        key. The damaged one stays as it is.

        models: the models' folder; needed only where the damaged library does not say for sure which models its vectors
            come from.
        """
        folder = None if models is None else os.fspath(models)
        return watched(on_progress, lambda told: self._library.salvage(os.fspath(into), folder, told))

    def reembed(
        self, models: Path, *, erase_unreadable: bool = False, on_progress: Optional[OnProgress] = None
    ) -> ReembedReport:
        """Makes every vector anew with the models in this folder, where `Crane` says `CraneError.FingerprintMismatch`. It is
        all or nothing.

        erase_unreadable: erases what can't be read again, photos of which the library keeps no copy; else that is
            `CraneError.InvalidInput`. Facts stay, and one that nothing finds any more is disabled.
        """
        return watched(on_progress, lambda told: self._library.reembed(os.fspath(models), erase_unreadable, told))

    def is_encrypted(self) -> bool:
        """Whether the library is encrypted; False where there is none."""
        return self._library.is_encrypted()

    def set_key(self, key: Optional[str]) -> None:
        """Encrypts the library with a key, or with another one than before; None: makes it a plain one. Until it is done the
        library stays as it was, whatever happens. Keep the new key before this is called: without it the library can't be
        read. `CraneError.WrongKey` where this build has no encryption, see `has_encryption`."""
        self._library.set_key(key)


def pack_facts(file: Path, facts: Sequence[Id] = ()) -> List[Fact]:
    """What a pack says of these facts, in the order in which they were stated; of all, where none is named. Nothing is stored,
    and the whole pack is verified first."""
    return _native.pack_facts(os.fspath(file), [id_of(fact) for fact in facts])
