package dev.crane

import java.io.File
import kotlin.time.Duration
import dev.crane.ffi.OpenOptions as NativeOpenOptions

/**
 * What to open, and how.
 *
 * @property models the model bundle's folder
 * @property library the library's folder; it is created where there is none
 * @property key the key of an encrypted library, with which a new one is created, as [generateKey] makes one; null: it is
 *   plain. Keep it in the Android Keystore.
 * @property readOnly opens the library for reading only: any number of processes may, and nothing is created
 * @property keepThumbnails keeps a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again
 * @property threads threads for each model, at least 1; null: one per core, as far as that helps
 * @property gpuLayers layers of the language model to run on a GPU, where this build has one; null: as many as fit; 0: none
 * @property idleUnload unloads the models when nothing was asked for so long; null: never. They are loaded again when needed.
 * @property embeddingCacheBytes memory for embeddings of recent photos and texts; null: 4 MiB; 0: no such cache
 * @property memoryBudget most bytes that models, contexts and caches may take; null: what the device has left
 * @property state a folder of the app's own, in which is remembered that a GPU has crashed; null: it is not remembered
 */
public class OpenOptions(
    public val models: File,
    public val library: File,
    public val key: String? = null,
    public val readOnly: Boolean = false,
    public val keepThumbnails: Boolean = false,
    public val threads: Int? = null,
    public val gpuLayers: Int? = null,
    public val idleUnload: Duration? = null,
    public val embeddingCacheBytes: Long? = null,
    public val memoryBudget: Long? = null,
    public val state: File? = null,
) {
    internal fun native() = NativeOpenOptions(
        models = models.path,
        library = library.path,
        key = key,
        readOnly = readOnly,
        keepThumbnails = keepThumbnails,
        threads = threads?.unsigned("threads"),
        gpuLayers = gpuLayers?.unsigned("gpuLayers"),
        idleUnloadMs = idleUnload?.inWholeMilliseconds?.unsigned("idleUnload"),
        embeddingCacheBytes = embeddingCacheBytes?.unsigned("embeddingCacheBytes"),
        memoryBudget = memoryBudget?.unsigned("memoryBudget"),
        state = state?.path,
    )

    /** Says nothing of paths and keys. */
    override fun toString(): String = "OpenOptions(…)"
}

/** A new random key for an encrypted library; no two are alike. Only builds with encryption can use it. */
public fun generateKey(): String = typed { dev.crane.ffi.generateKey() }

/** Whether this build can encrypt libraries: the cargo feature `encryption`. */
public val hasEncryption: Boolean get() = dev.crane.ffi.hasEncryption()

/** Forgets that a GPU has crashed, so that the next start tries it again; [state] as in [OpenOptions]. */
public fun forgetGpuCrash(state: File): Unit = typed { dev.crane.ffi.forgetGpuCrash(state.path) }

/** This library's version, "0.1.0". */
public val version: String get() = dev.crane.ffi.version()

internal fun Int.unsigned(name: String): UInt {
    if (this < 0) throw CraneException.InvalidInput("$name is negative: $this")
    return toUInt()
}

internal fun Long.unsigned(name: String): ULong {
    if (this < 0) throw CraneException.InvalidInput("$name is negative: $this")
    return toULong()
}
