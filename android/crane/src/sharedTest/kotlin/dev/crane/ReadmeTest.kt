package dev.crane

import java.io.ByteArrayOutputStream
import java.io.PrintStream
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** The README's example, as `cargo xtask test-kotlin` took it out of the page. */
class ReadmeTest {
    @Test
    fun `the readme's example prints what the page says`() {
        val (out, said) = System.out to ByteArrayOutputStream()
        System.setOut(PrintStream(said, true))
        try {
            Class.forName("ReadmeKt").getMethod("main").invoke(null)
        } finally {
            System.setOut(out)
        }
        val expected = listOf("Beawurk", "Theaprairk", "This emblem belongs to Theaprairk. true")
        assertEquals(expected, said.toString().trim().lines())
    }
}
