package dev.crane

import java.io.File
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import dev.crane.ffi.FactLibrary as NativeLibrary

/**
 * A library's folder, for what is done to it while no [Crane] is open on it, and for one that can't be opened. It holds
 * nothing open, and needs no models but to re-embed.
 *
 * Work that tells of its progress, 0 to 1, ends when the coroutine is cancelled or the listener throws, and what was thrown
 * is thrown on. The listener runs on a thread of the dispatcher and the work waits for it: it may close the runtime, but
 * must not wait for a call that another thread does, since that may wait for the work.
 *
 * Making one fails with `InvalidInput` for a key that is none; the folder is not looked at yet.
 */
public class FactLibrary(
    folder: File,
    key: String? = null,
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO,
) {
    private val native = typed { NativeLibrary(folder.path, key) }

    /**
     * Checks database, history, full text, index files and vectors against each other. Nothing is changed, and a finding is
     * no error. The library may be in use meanwhile.
     *
     * Fails with `NotFound` where there is none, `LibraryCorrupt` where the database can't even be looked into, `WrongKey`.
     */
    public suspend fun check(onProgress: (Float) -> Unit = {}): CheckReport =
        working(dispatcher, onProgress) { native.check(it) }

    /**
     * Checks the library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies up.
     * Facts, keys and history are never touched. A second check follows, of which the listener is told from 0 again.
     *
     * Fails as [check], and with `LibraryLocked` while it is open for writing.
     */
    public suspend fun repair(onProgress: (Float) -> Unit = {}): RepairReport =
        working(dispatcher, onProgress) { native.repair(it) }

    /**
     * Saves what can be read of a damaged library into a new one, whose folder must be empty or missing; it has the same
     * key. The damaged one stays as it is. [models] is the models' folder, and needed only where the damaged library does
     * not say for sure which models its vectors come from.
     *
     * Fails with `NotFound` where there is no library, `InvalidInput` when [into] holds anything, `LibraryCorrupt` when
     * nothing could be read, `WrongKey`; nothing is left at [into] then.
     */
    public suspend fun salvage(into: File, models: File? = null, onProgress: (Float) -> Unit = {}): SalvageReport =
        working(dispatcher, onProgress) { native.salvage(into.path, models?.path, it) }

    /**
     * Makes every vector anew with the models in this folder, where [Crane.open] says `FingerprintMismatch`. It is all or
     * nothing.
     *
     * Photos of which the library keeps no copy can't be read again. Unless they may be erased, they are refused with
     * `InvalidInput`; facts stay, and one that nothing finds any more is disabled. Fails also with `LibraryLocked`,
     * `WrongKey`, `ModelMissing`, `ModelCorrupt`.
     */
    public suspend fun reembed(
        models: File,
        eraseUnreadable: Boolean = false,
        onProgress: (Float) -> Unit = {},
    ): ReembedReport = working(dispatcher, onProgress) { native.reembed(models.path, eraseUnreadable, it) }

    /** Whether the library is encrypted; false where there is none. */
    public suspend fun isEncrypted(): Boolean = blocking(dispatcher) { native.isEncrypted() }

    /**
     * Encrypts the library with a key, `cranekey1:` and 64 hexadecimal digits, or with another one than before; null: makes
     * it a plain one. Until it is done the library stays as it was, whatever happens. Keep the new key before this is
     * called: without it the library can't be read.
     *
     * Fails with `WrongKey` when this object has another key than the library, or this build has no encryption (see
     * [hasEncryption]); `LibraryLocked` while it is open anywhere, also for reading; `InvalidInput` for a key that is none,
     * or when there is neither an old key nor a new one; `NotFound`, `StorageFull`.
     */
    public suspend fun setKey(key: String?): Unit = blocking(dispatcher) { native.setKey(key) }
}
