package dev.crane.android

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.net.Uri
import dev.crane.CraneException
import dev.crane.readPhoto
import java.io.ByteArrayOutputStream
import java.io.FileNotFoundException
import java.io.IOException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** Longest side of what is encoded again, in pixels; the models look at less. */
private const val LONGEST_SIDE = 2048

/** High enough that no model sees the difference. */
private const val JPEG_QUALITY = 95

/**
 * The bitmap as an encoded photo, as a `Question` or a `NewFact` takes it: a JPEG of at most 2,048 pixels a side.
 *
 * Fails with `UnsupportedImage` when the bitmap is recycled or can't be encoded.
 */
public suspend fun Bitmap.toPhoto(dispatcher: CoroutineDispatcher = Dispatchers.Default): ByteArray =
    withContext(dispatcher) {
        if (isRecycled) throw CraneException.UnsupportedImage("the bitmap is recycled")
        val small = shrunk()
        try {
            val bytes = ByteArrayOutputStream()
            if (!small.compress(Bitmap.CompressFormat.JPEG, JPEG_QUALITY, bytes)) {
                throw CraneException.UnsupportedImage("the bitmap can't be encoded")
            }
            bytes.toByteArray()
        } finally {
            if (small !== this@toPhoto) small.recycle()
        }
    }

private fun Bitmap.shrunk(): Bitmap {
    val (width, height) = fitting(width, height)
    return if (width == this.width && height == this.height) this else Bitmap.createScaledBitmap(this, width, height, true)
}

/** Width and height in the same proportion, neither longer than [LONGEST_SIDE] nor nothing. */
internal fun fitting(width: Int, height: Int): Pair<Int, Int> {
    val longest = maxOf(width, height)
    if (longest <= LONGEST_SIDE) return width to height
    fun fit(side: Int) = (side.toLong() * LONGEST_SIDE / longest).toInt().coerceAtLeast(1)
    return fit(width) to fit(height)
}

/**
 * Reads the photo behind a content URI, from a picker or a camera. JPEG, PNG and WebP are handed on as they are, with their
 * orientation; what else the device can decode (HEIC, AVIF) is encoded again as a JPEG.
 *
 * Fails with `NotFound` when there is nothing (any more), `UnsupportedImage` when it is no photo or larger than 64 MiB.
 *
 * @throws IOException reading broke off
 */
public suspend fun ContentResolver.readPhoto(uri: Uri, dispatcher: CoroutineDispatcher = Dispatchers.IO): ByteArray =
    withContext(dispatcher) {
        val bytes = open(uri).use { it.readPhoto(dispatcher) }
        if (isReadAsIs(bytes)) bytes else decode(uri).toPhoto(dispatcher)
    }

private fun ContentResolver.open(uri: Uri) =
    try {
        openInputStream(uri)
    } catch (_: FileNotFoundException) {
        null
    } catch (_: SecurityException) {
        null
    } ?: throw CraneException.NotFound("there is no photo at this address, or not for this app")

private fun ContentResolver.decode(uri: Uri): Bitmap =
    try {
        ImageDecoder.decodeBitmap(ImageDecoder.createSource(this, uri)) { decoder, info, _ ->
            val (width, height) = fitting(info.size.width, info.size.height)
            decoder.setTargetSize(width, height)
            // A bitmap in the GPU's memory would have to be copied back.
            decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        }
    } catch (_: IOException) {
        throw CraneException.UnsupportedImage("this device decodes no such photo")
    }

/** Whether the runtime decodes a file of this beginning: JPEG, PNG or WebP. */
internal fun isReadAsIs(bytes: ByteArray): Boolean {
    fun says(at: Int, text: String) =
        bytes.size >= at + text.length && text.indices.all { bytes[at + it] == text[it].code.toByte() }
    return says(0, "\u00FF\u00D8\u00FF") || says(0, "\u0089PNG") || (says(0, "RIFF") && says(8, "WEBP"))
}
