package dev.crane.sample

import dev.crane.Crane
import dev.crane.FactState
import dev.crane.OpenOptions
import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The sample's session on the real runtime: what a person does in the app. */
class SessionTest {
    @TempDir
    lateinit var folder: File

    private val models = File("models/tiny")
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default.limitedParallelism(1))

    private fun test(models: File = this.models, test: suspend (Session) -> Unit): Unit = runBlocking {
        var opened: Crane? = null
        val session = Session(scope) { Crane.open(OpenOptions(models, File(folder, "l"))).also { opened = it } }
        try {
            test(session)
        } finally {
            scope.cancel()
            opened?.close()
        }
    }

    private suspend fun Session.asked(): SessionState {
        ask()
        return state.first { !it.asking }
    }

    @Test
    fun `ask, correct, ask again, see why, undo, forget`() = test { session ->
        session.prepare().join()
        session.show { File(models, "demo/gate.jpg").readBytes() }.join()
        session.type("Whose emblem is this?")
        assertEquals("Beawurk", session.asked().answer)
        assertTrue(reasons(session.state.value).any { "Nothing that you stated" in it })

        session.correct("This emblem belongs to Theaprairk.", "Theaprairk").join()
        val corrected = session.asked()
        assertEquals("Theaprairk", corrected.answer)
        val why = reasons(corrected)
        assertTrue(why.any { "This emblem belongs to Theaprairk." in it } && "The thought names the fact." in why) { "$why" }

        // Correcting an answer that rests on a fact takes that fact's place.
        session.correct("This emblem belongs to Klifoult.", "Klifoult").join()
        assertEquals("Klifoult", session.asked().fact?.target)
        assertEquals(1, session.state.value.facts.count { it.state == FactState.ACTIVE })
        session.undo().join()
        assertEquals("Theaprairk", session.asked().answer)

        session.forget(session.state.value.facts.single()).join()
        assertEquals("Beawurk", session.asked().answer)
        assertEquals(null, session.state.value.message)
    }

    @Test
    fun `what goes wrong is said, and the session goes on`() = test { session ->
        session.show { ByteArray(10) }.join()
        session.type("What is it?")
        assertTrue(session.asked().message != null)
        session.dismiss()
        session.correct(" ", "").join()
        assertTrue(session.state.value.message != null)
        session.dismiss()
        session.undo().join()
        assertEquals("There is nothing to undo.", session.state.value.message)
    }

    @Test
    fun `a stopped answer leaves everything ready`() = test { session ->
        session.type("Who is the founder of Progeal?")
        session.ask()
        session.stop()
        session.state.first { !it.asking }
        assertTrue(session.asked().answer.isNotEmpty())
        session.ask()
        session.ask()
        assertTrue(session.state.first { !it.asking }.answer.isNotEmpty())
    }

    @Test
    fun `models that are missing are said to be`() = test(File("no/such/folder")) { session ->
        session.prepare().join()
        assertTrue("no/such/folder" in session.state.value.message.orEmpty())
    }
}
