package dev.crane

import java.io.ByteArrayOutputStream
import java.io.InputStream
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers

/** Most bytes that a photo may have; the runtime refuses larger ones. */
private const val MOST_BYTES = 64 * 1024 * 1024

/**
 * Reads an encoded photo, as a [Question] or a [NewFact] takes it. The stream is read to its end, and not closed.
 *
 * Fails with `UnsupportedImage` for a stream of more than 64 MiB, as soon as that is clear.
 */
public suspend fun InputStream.readPhoto(dispatcher: CoroutineDispatcher = Dispatchers.IO): ByteArray =
    blocking(dispatcher) {
        val bytes = ByteArrayOutputStream()
        val buffer = ByteArray(64 * 1024)
        while (true) {
            val size = read(buffer)
            if (size < 0) break
            if (bytes.size() + size > MOST_BYTES) throw CraneException.UnsupportedImage("a photo has more than 64 MiB")
            bytes.write(buffer, 0, size)
        }
        bytes.toByteArray()
    }
