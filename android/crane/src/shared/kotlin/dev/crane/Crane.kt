package dev.crane

import java.io.File
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withContext
import dev.crane.ffi.Crane as NativeCrane

/**
 * Facts and the models that reason with them.
 *
 * Any coroutine and any thread may call anything at any time; suspending functions work on the dispatcher that was given
 * to [open], so the main thread never waits. Everything fails with a [CraneException]. It should be closed when it is no
 * longer needed. An object that is closed late or never loses nothing: every change is on disk when its call returns.
 *
 * A coroutine that is cancelled during a change does not stop the change: it is made whole or not at all, and may have
 * been made.
 */
public class Crane private constructor(
    internal val native: NativeCrane,
    private val dispatcher: CoroutineDispatcher,
) : AutoCloseable {
    public companion object {
        /**
         * Verifies the models and opens the library. No model is loaded yet.
         *
         * @param dispatcher where calls block; each takes one of its threads
         * @throws CraneException `ModelMissing` or `ModelCorrupt` for the models, `LibraryLocked`, `LibraryCorrupt`,
         *   `WrongKey` or `FingerprintMismatch` for the library, `InvalidInput` for an option out of range
         */
        public suspend fun open(options: OpenOptions, dispatcher: CoroutineDispatcher = Dispatchers.IO): Crane {
            var opened: NativeCrane? = null
            try {
                withContext(dispatcher) { opened = typed { NativeCrane.open(options.native()) } }
            } catch (cancelled: CancellationException) {
                // Nobody will have it to close it, and until then it keeps the library from others.
                withContext(NonCancellable + dispatcher) { typed { opened?.shutDown() } }
                throw cancelled
            }
            return Crane(checkNotNull(opened), dispatcher)
        }
    }

    // The object itself is freed once it can't be reached: whoever still calls it gets `Closed`.
    private suspend fun <T> call(block: NativeCrane.() -> T): T = blocking(dispatcher) { native.block() }

    /**
     * Answers a question, and tells what happens meanwhile; the last event is [AnswerEvent.Answered]. Each collector asks
     * anew. A collector that is cancelled, fails or has enough cancels generation; a slow one doesn't hold it up.
     *
     * Fails with `InvalidInput` for a question that is empty or too long, `UnsupportedImage`, `ContextOverflow`,
     * `OutOfMemory`, `Backgrounded`, `Closed`.
     */
    public fun ask(question: Question): Flow<AnswerEvent> = answerEvents(native, question, dispatcher)

    /** Answers a question and returns when that is done. Cancelling the coroutine cancels generation. Fails as [ask]. */
    public suspend fun answer(question: Question): Answer =
        ask(question).filterIsInstance<AnswerEvent.Answered>().first().answer

    /** Which fact would fire on this question? The language model doesn't run. */
    public suspend fun preview(question: Question): Preview = call { preview(question.native()).toPreview() }

    /**
     * Stores a correction under its photos and texts. It is on disk and in force when this returns.
     *
     * Fails with `InvalidInput` for a field beyond its limits, `UnsupportedImage`, `ReadOnly`, `StorageFull`,
     * `Backgrounded`, `Closed`; the library is then as it was.
     */
    public suspend fun addFact(fact: NewFact): Fact = call { addFact(fact.native()).toFact() }

    /**
     * Active facts that a new one would collide with: the same subject with another target, or a photo at least as similar
     * as [similarity] (cosine, -1 to 1; 0.95 is nearly the same picture). Nothing is stored: supersede one, add the new
     * fact beside them, or leave it.
     */
    public suspend fun conflicts(fact: NewFact, similarity: Float = 0.95f): List<Conflict> =
        call { conflicts(fact.native(), similarity) }

    /**
     * Changes a fact: every field of [fact] replaces the old one, its photos and texts are added to what the fact is found
     * by, and a new statement takes the old one's place among the texts.
     */
    public suspend fun editFact(id: String, fact: NewFact): Fact = call { editFact(id, fact.native()).toFact() }

    /** Stores a correction in place of another one, which stays and fires no more; one undo takes both back. */
    public suspend fun supersedeFact(old: String, fact: NewFact): Fact =
        call { supersedeFact(old, fact.native()).toFact() }

    /**
     * Stores a correction in place of several others, such as all that [conflicts] names, as one change; [Fact.supersedes] of
     * the new fact names the first.
     *
     * Fails with `InvalidInput` when there is none, or one is replaced or deleted already.
     */
    public suspend fun supersedeFacts(old: List<String>, fact: NewFact): Fact =
        call { supersedeFacts(old, fact.native()).toFact() }

    /** Lets a disabled fact fire again. */
    public suspend fun enableFact(id: String): Fact = call { enableFact(id).toFact() }

    /** Keeps a fact from firing until it is enabled. */
    public suspend fun disableFact(id: String): Fact = call { disableFact(id).toFact() }

    /** Deletes a fact; its history stays, and an undo brings it back. */
    public suspend fun deleteFact(id: String): Fact = call { deleteFact(id).toFact() }

    /** Erases a fact for good, from every file of the library. It can't be undone; the receipt says that it is done. */
    public suspend fun forgetFact(id: String): Receipt = call { forgetFact(id) }

    /** One fact, whatever its state. Fails with `NotFound`. */
    public suspend fun fact(id: String): Fact = call { fact(id).toFact() }

    /** What a fact is found by, in the order of adding. Fails with `NotFound` for an unknown fact. */
    public suspend fun factKeys(id: String): List<Key> = call { factKeys(id).map { it.toKey() } }

    /**
     * The small copy of a photo (JPEG), where the library keeps one, see [OpenOptions.keepThumbnails]. Fails with `NotFound`
     * for an unknown key.
     */
    public suspend fun thumbnail(key: Long): ByteArray? = call { thumbnail(key) }

    /** Receipts of all forgotten facts, oldest first. */
    public suspend fun receipts(): List<Receipt> = call { receipts() }

    /** The facts that pass the filter, newest first. */
    public suspend fun facts(filter: FactFilter = FactFilter()): List<Fact> =
        call { facts(filter.native()).map { it.toFact() } }

    /**
     * Facts that hold all these words, the last of which may be begun only; best match first, at most [limit].
     *
     * Fails with `InvalidInput` when [words] is empty or longer than 500 characters.
     */
    public suspend fun searchFacts(words: String, limit: Int = 20): List<Fact> =
        call { searchFacts(words, limit.unsigned("limit")).map { it.toFact() } }

    /** Changes, newest first, of one fact or of all; at most [limit]. */
    public suspend fun history(fact: String? = null, limit: Int = 100): List<HistoryEntry> =
        call { history(fact, limit.unsigned("limit")) }

    /**
     * A fact as it was right after a change of the history, which is named by its [HistoryEntry.seq].
     *
     * Fails with `NotFound` where the fact did not exist then, or is forgotten.
     */
    public suspend fun factAsOf(id: String, seq: Long): Fact = call { factAsOf(id, seq).toFact() }

    /**
     * Makes a fact what it was right after a change of the history. That is a change of its own, which an undo takes back.
     * Fails as [factAsOf].
     */
    public suspend fun restoreFact(id: String, seq: Long): Fact = call { restoreFact(id, seq).toFact() }

    /** Takes back the newest change that stands; every fact it touched is exactly as it was. Null: there is none. */
    public suspend fun undo(): HistoryEntry? = call { undo() }

    /** Brings the change back that was undone last, unless something else was done since. Null: there is none. */
    public suspend fun redo(): HistoryEntry? = call { redo() }

    /**
     * Writes facts to a file, which appears under its name only when it is complete. It is not encrypted, and forgetting a
     * fact does not reach it. Of this and the other work with an `onProgress` see [FactLibrary].
     *
     * Fails with `NotFound` for a fact that is not there or forgotten, `InvalidInput` when the file would stand in the
     * library's folder or in place of one that is no fact pack, `StorageFull`; nothing is left behind then.
     */
    public suspend fun exportPack(
        file: File,
        options: ExportOptions = ExportOptions(),
        onProgress: (Float) -> Unit = {},
    ): ExportReport = working(dispatcher, onProgress) { native.exportPack(file.path, options.native(), it) }

    /**
     * Compares a pack with the library: what an import with these options would find. Nothing is stored.
     *
     * Fails with `PackCorrupt` for a file that is damaged, altered, incomplete, wrongly signed or no pack at all, `NotFound`
     * where there is none, `FingerprintMismatch` when its vectors come from other encoders.
     */
    public suspend fun previewPack(
        file: File,
        options: ImportOptions = ImportOptions(),
        onProgress: (Float) -> Unit = {},
    ): ImportPreview = working(dispatcher, onProgress) { native.previewPack(file.path, options, it) }

    /**
     * Imports a pack: all of it or nothing, as one change that one undo takes back.
     *
     * Fails as [previewPack], and with `ReadOnly`, `StorageFull`, `Backgrounded`; the library is then as it was.
     */
    public suspend fun importPack(
        file: File,
        options: ImportOptions = ImportOptions(),
        onProgress: (Float) -> Unit = {},
    ): ImportReport = working(dispatcher, onProgress) { native.importPack(file.path, options, it) }

    /** What the models are, without loading them. */
    public suspend fun modelInfo(): BundleInfo = call { modelInfo() }

    /**
     * What the language model can compute on; GPUs that crashed an earlier start are left alone and missing. Fails with
     * `Backgrounded` where a GPU might be woken.
     */
    public suspend fun devices(): List<Device> = call { devices() }

    /**
     * Loads every model now, so that the first question need not wait for it. [onProgress] is told how far it is, never less
     * than before, and 1 in the end. Closing ends the wait, and so does cancelling the coroutine; the models go on loading.
     *
     * Fails with `ModelCorrupt`, `OutOfMemory`, `Backgrounded`.
     */
    public suspend fun warmUp(onProgress: (Float) -> Unit = {}): Unit =
        working(dispatcher, onProgress) { native.warmUp(it) }

    /** Gives memory back. What a running question uses is given back when it ends. */
    public suspend fun trimMemory(level: TrimLevel): Unit = call { trimMemory(level) }

    /**
     * To be called when the app goes to the background: afterwards no GPU is used, no file is locked, and everything is on
     * disk. Questions on a GPU end with `Backgrounded`, changes are refused with it.
     */
    public suspend fun onBackground(): Unit = call { onBackground() }

    /**
     * To be called when the app is back in the foreground: everything works again.
     *
     * Fails with `LibraryLocked` when another process writes to the library now; the next change tries again.
     */
    public suspend fun onForeground(): Unit = call { onForeground() }

    /** What runs the models that are loaded. */
    public suspend fun backends(): Backends = call { backends() }

    /** Bytes in use, part by part. */
    public suspend fun memoryUsage(): MemoryUsage = call { memoryUsage() }

    /** What [close] does, without blocking the thread; it is not cancelled halfway. */
    public suspend fun shutDown(): Unit = withContext(NonCancellable) { call { shutDown() } }

    /**
     * Ends every question with `Closed`, waits for them, frees the models and closes the library. Any use afterwards fails
     * with `Closed`; closing again does nothing. It blocks until that is done: on the main thread call [shutDown].
     */
    override fun close(): Unit = typed { native.shutDown() }
}
