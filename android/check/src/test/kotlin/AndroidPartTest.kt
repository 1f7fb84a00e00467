package dev.crane.android

import android.content.ComponentCallbacks2
import dev.crane.TrimLevel
import java.io.File
import java.io.IOException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** What of the Android part is plain computation. */
class AndroidPartTest {
    @Test
    fun `photos shrink in proportion, and never to nothing`() {
        assertEquals(2048 to 1536, fitting(4000, 3000))
        assertEquals(1536 to 2048, fitting(3000, 4000))
        assertEquals(2048 to 2048, fitting(2048, 2048))
        assertEquals(1 to 1, fitting(1, 1))
        assertEquals(2048 to 1, fitting(Int.MAX_VALUE, 1))
    }

    @Test
    fun `what the runtime decodes by itself is told by its first bytes`() {
        val photos = File("tests/data").listFiles().orEmpty().filter { it.extension in setOf("jpg", "png", "webp") }
        assertTrue(photos.size > 5)
        photos.forEach { assertTrue(isReadAsIs(it.readBytes())) { it.name } }
        listOf(ByteArray(0), ByteArray(3), "RIFF1234".toByteArray(), "\u0000\u0000\u0000\u0018ftypheic".toByteArray())
            .forEach { assertFalse(isReadAsIs(it)) }
        assertFalse(isReadAsIs(File("tests/data/animated.gif").readBytes()))
    }

    @Test
    @Suppress("DEPRECATION")
    fun `each of Android's levels gives something back`() {
        assertEquals(null, trimLevel(0))
        assertEquals(TrimLevel.PHOTO, trimLevel(ComponentCallbacks2.TRIM_MEMORY_RUNNING_MODERATE))
        assertEquals(TrimLevel.PHOTO, trimLevel(ComponentCallbacks2.TRIM_MEMORY_RUNNING_LOW))
        assertEquals(TrimLevel.CONTEXT, trimLevel(ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL))
        assertEquals(TrimLevel.CONTEXT, trimLevel(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN))
        assertEquals(TrimLevel.MODELS, trimLevel(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND))
        assertEquals(TrimLevel.MODELS, trimLevel(ComponentCallbacks2.TRIM_MEMORY_COMPLETE))
    }

    @Test
    fun `models are installed once for each version, and whole`(@TempDir root: File) {
        val assets = File(root, "assets").apply { File(this, "models/more").mkdirs() }
        File(assets, "models/bundle.toml").writeText("one")
        File(assets, "models/more/head.onnx").writeText("two")
        var opened = 0
        fun installed(version: String, failing: String? = null): File = install(
            root = File(root, "files"),
            name = "models",
            version = version,
            list = { File(assets, it).list().orEmpty() },
            open = { opened += 1; if (it == failing) throw IOException("no more room") else File(assets, it).inputStream() },
        )
        assertThrows(IOException::class.java) { installed("1", failing = "models/more/head.onnx") }
        assertFalse(File(root, "files/models").exists())
        val folder = installed("1")
        assertEquals("two", File(folder, "more/head.onnx").readText())
        opened = 0
        assertEquals(folder, installed("1"))
        assertEquals(0, opened)
        File(assets, "models/bundle.toml").writeText("three")
        File(assets, "models/more/head.onnx").delete()
        File(assets, "models/more").delete()
        assertEquals("three", File(installed("2"), "bundle.toml").readText())
        assertFalse(File(folder, "more").exists())
    }

    @Test
    fun `Maven and Gradle take the same versions`() {
        val gradle = Regex("""^([a-z]+) = "(.*)"""", RegexOption.MULTILINE)
        val maven = File("android/pom.xml").readText()
        val versions = gradle.findAll(File("android/gradle/libs.versions.toml").readText().substringBefore("android-"))
            .associate { it.groupValues[1] to it.groupValues[2] }
        assertEquals(setOf("kotlin", "coroutines", "jna"), versions.keys)
        versions.forEach { (name, version) -> assertTrue("<$name.version>$version<" in maven) { name } }
    }
}
