package dev.crane

import java.io.File
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import dev.crane.ffi.ExportOptions as NativeExportOptions

/**
 * What an export takes along.
 *
 * @property facts ids of these facts, in whatever state; null: every fact that is not deleted, and the receipts of forgotten
 *   ones
 * @property thumbnails the small copies of photos, where they are kept
 * @property history what the facts said before, and when they were changed
 * @property signingKey the key that the pack is signed with, as [generateSigningKey] makes one; null: it is not signed
 */
public class ExportOptions(
    public val facts: List<String>? = null,
    public val thumbnails: Boolean = true,
    public val history: Boolean = true,
    public val signingKey: String? = null,
) {
    internal fun native() = NativeExportOptions(facts, thumbnails, history, signingKey)

    /** Says nothing of the key. */
    override fun toString(): String = "ExportOptions(…)"
}

/**
 * What a pack says of these facts, in the order in which they were stated; of all, where none is named. Nothing is stored,
 * and the whole pack is verified first.
 *
 * Fails with `PackCorrupt` and `NotFound` as [Crane.previewPack].
 */
public suspend fun packFacts(
    file: File,
    facts: List<String> = emptyList(),
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
): List<Fact> = withContext(dispatcher) { typed { dev.crane.ffi.packFacts(file.path, facts) }.map { it.toFact() } }

/** A new random key to sign packs with, `cranesec1:` and 64 hexadecimal digits. Keep it in the Android Keystore. */
public fun generateSigningKey(): String = typed { dev.crane.ffi.generateSigningKey() }

/**
 * The half of a signing key that others may know, `cranepub1:` and 64 hexadecimal digits: whoever trusts it trusts the packs
 * that are signed with the key.
 *
 * Fails with `InvalidInput` for anything but a signing key.
 */
public fun publicKey(signingKey: String): String = typed { dev.crane.ffi.publicKey(signingKey) }
