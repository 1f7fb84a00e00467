package dev.crane

import java.nio.charset.CharacterCodingException
import dev.crane.ffi.CraneException as NativeException
import dev.crane.ffi.InternalException as NativePanic

/**
 * What went wrong, as far as a caller would act differently. The message says what to do; no fact, question or answer is
 * ever in it.
 *
 * @property code the stable number of this kind of error, the same in every language
 */
public sealed class CraneException(public val code: Int, message: String) : Exception(message) {
    /** A fact, key or file does not exist. */
    public class NotFound(message: String) : CraneException(1, message)

    /** An argument is empty, too long or contradictory. */
    public class InvalidInput(message: String) : CraneException(2, message)

    /** Not a photo that can be decoded within the limits. */
    public class UnsupportedImage(message: String) : CraneException(3, message)

    /** A model file is missing. */
    public class ModelMissing(message: String) : CraneException(4, message)

    /** A model file or manifest is damaged or altered. */
    public class ModelCorrupt(message: String) : CraneException(5, message)

    /** The library was written with other encoders; re-embed it. */
    public class FingerprintMismatch(message: String) : CraneException(6, message)

    /** Another process writes to this library. */
    public class LibraryLocked(message: String) : CraneException(7, message)

    /** The library's database is damaged, or newer than this version. */
    public class LibraryCorrupt(message: String) : CraneException(8, message)

    /** The disk is full. */
    public class StorageFull(message: String) : CraneException(9, message)

    /** Not enough memory. */
    public class OutOfMemory(message: String) : CraneException(10, message)

    /** The question was cancelled. A collector that is cancelled is not told so: it has ended. */
    public class Cancelled(message: String) : CraneException(11, message)

    /** The app is in the background, where no GPU may be used and no library be written; try again in the foreground. */
    public class Backgrounded(message: String) : CraneException(12, message)

    /** Prompt and reply do not fit the model's context. */
    public class ContextOverflow(message: String) : CraneException(13, message)

    /** A defect of ours. */
    public class Internal(message: String) : CraneException(14, message)

    /** The library cannot be written: read-only file, folder or file system, or opened for reading. */
    public class ReadOnly(message: String) : CraneException(15, message)

    /** The storage device failed to read or write. */
    public class StorageFailed(message: String) : CraneException(16, message)

    /** It was closed before. */
    public class Closed(message: String) : CraneException(18, message)

    /** A fact pack is damaged, altered, incomplete or newer than this version: get it again. */
    public class PackCorrupt(message: String) : CraneException(19, message)

    /** The library is encrypted and no key or another one was given, or it is not and one was. */
    public class WrongKey(message: String) : CraneException(20, message)
}

/** Calls the runtime and turns everything that it may throw into a [CraneException]. */
internal inline fun <T> typed(call: () -> T): T =
    try {
        call()
    } catch (error: NativeException) {
        throw error.typed()
    } catch (_: CharacterCodingException) {
        // What the encoder says would repeat the text.
        throw CraneException.InvalidInput("a text holds half of a surrogate pair, which is no character")
    } catch (_: NativePanic) {
        throw CraneException.Internal("a call failed unexpectedly; please report this")
    }

// Without an `else`: a new kind must become one here.
internal fun NativeException.typed(): CraneException {
    val message = message.orEmpty()
    return when (this) {
        is NativeException.NotFound -> CraneException.NotFound(message)
        is NativeException.InvalidInput -> CraneException.InvalidInput(message)
        is NativeException.UnsupportedImage -> CraneException.UnsupportedImage(message)
        is NativeException.ModelMissing -> CraneException.ModelMissing(message)
        is NativeException.ModelCorrupt -> CraneException.ModelCorrupt(message)
        is NativeException.FingerprintMismatch -> CraneException.FingerprintMismatch(message)
        is NativeException.LibraryLocked -> CraneException.LibraryLocked(message)
        is NativeException.LibraryCorrupt -> CraneException.LibraryCorrupt(message)
        is NativeException.StorageFull -> CraneException.StorageFull(message)
        is NativeException.OutOfMemory -> CraneException.OutOfMemory(message)
        is NativeException.Cancelled -> CraneException.Cancelled(message)
        is NativeException.Backgrounded -> CraneException.Backgrounded(message)
        is NativeException.ContextOverflow -> CraneException.ContextOverflow(message)
        is NativeException.Internal -> CraneException.Internal(message)
        is NativeException.ReadOnly -> CraneException.ReadOnly(message)
        is NativeException.StorageFailed -> CraneException.StorageFailed(message)
        is NativeException.Closed -> CraneException.Closed(message)
        is NativeException.PackCorrupt -> CraneException.PackCorrupt(message)
        is NativeException.WrongKey -> CraneException.WrongKey(message)
    }
}
