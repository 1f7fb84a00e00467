package dev.crane

import dev.crane.ffi.AnswerListener
import dev.crane.ffi.AnswerTask
import dev.crane.ffi.CraneInterface
import java.io.File
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import dev.crane.ffi.Answer as NativeAnswer
import dev.crane.ffi.AnswerEvent as NativeEvent
import dev.crane.ffi.CraneException as NativeException
import dev.crane.ffi.Question as NativeQuestion

/** Questions as flows: collectors that have enough, fail, dawdle, close and call back. */
class AskingTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `a flow asks anew for each collector, and ends with the answer`() = withCrane(folder) { crane ->
        val flow = crane.ask(question())
        assertEquals(AnswerEvent.Routed(Route.IMAGE), flow.first())
        val before = flow.toList()
        assertEquals(Decision.EmptyIndex, (before[1] as AnswerEvent.Decided).decision)
        assertEquals("Beawurk", (before.last() as AnswerEvent.Answered).answer.text)
        val fact = crane.addFact(emblem())
        val after = flow.toList()
        assertEquals(fact, (after[1] as AnswerEvent.Decided).fact)
        val answer = (after.last() as AnswerEvent.Answered).answer
        assertEquals("Theaprairk" to true, answer.text to answer.trace.reply?.cited)
    }

    @Test
    fun `whoever has enough ends the question`() = withCrane(folder) { crane ->
        crane.warmUp()
        for (events in 1..3) {
            val spy = Spy(crane.native, holdAt = events)
            assertEquals(events, spy.ask().take(events).toList().size)
            spy.assertCancelled()
        }
        assertEquals("Beawurk", crane.answer(question()).text)
    }

    @Test
    fun `cancelling the collector ends the question`() = withCrane(folder) { crane ->
        crane.warmUp()
        for (events in 1..3) {
            val spy = Spy(crane.native, holdAt = events)
            coroutineScope {
                var heard = 0
                val collector = launch(Dispatchers.Default) {
                    spy.ask().collect { if (++heard == events) currentCoroutineContext().job.cancel() }
                }
                collector.join()
                assertTrue(collector.isCancelled)
            }
            spy.assertCancelled()
        }
        assertEquals("Beawurk", crane.answer(question()).text)
    }

    @Test
    fun `cancelling from elsewhere ends the question, also while models are loaded`() = withCrane(folder) { crane ->
        val spy = Spy(crane.native, holdAt = 1)
        coroutineScope {
            val collector = launch(Dispatchers.Default) { spy.ask().collect() }
            withContext(Dispatchers.IO) { spy.asked.get() }
            collector.cancelAndJoin()
        }
        spy.assertCancelled()
        val answering = CompletableFuture<Unit>()
        coroutineScope {
            val answer = async(Dispatchers.Default) { answering.complete(Unit); crane.answer(question()) }
            withContext(Dispatchers.IO) { answering.get() }
            answer.cancelAndJoin()
            assertTrue(answer.isCancelled)
        }
        assertEquals("Beawurk", crane.answer(question()).text)
    }

    @Test
    fun `what a collector throws reaches its caller and ends the question`() = withCrane(folder) { crane ->
        val spy = Spy(crane.native, holdAt = 1)
        val thrown = runCatching { spy.ask().collect { error("on purpose") } }.exceptionOrNull()
        assertEquals("on purpose", thrown?.message)
        spy.assertCancelled()
        assertEquals("Beawurk", crane.answer(question()).text)
    }

    @Test
    fun `a slow collector misses nothing and holds nothing up`() = withCrane(folder) { crane ->
        val spy = Spy(crane.native)
        val slow = spy.ask().onEach { if (it is AnswerEvent.Routed) withContext(Dispatchers.IO) { spy.end() } }.toList()
        val answer = (slow.last() as AnswerEvent.Answered).answer
        val text = slow.filterIsInstance<AnswerEvent.AnswerDelta>().joinToString("") { it.text }
        assertEquals(answer.text, text)
    }

    @Test
    fun `collectors may call back in, and close`() = withCrane(folder) { crane ->
        crane.ask(question()).collect { assertEquals(0, crane.facts().size) }
        for (close in listOf<suspend () -> Unit>({ crane.close() }, { crane.shutDown() })) {
            val thrown = runCatching {
                crane.ask(question()).collect { if (it is AnswerEvent.Routed) close() }
            }.exceptionOrNull()
            assertInstanceOf(CraneException.Closed::class.java, thrown)
        }
    }

    @Test
    fun `closing ends the questions of others`() = withCrane(folder) { crane ->
        crane.warmUp()
        val begun = CompletableFuture<Unit>()
        coroutineScope {
            val asking = List(4) {
                async(Dispatchers.IO) {
                    runCatching {
                        while (true) crane.ask(question()).collect { begun.complete(Unit) }
                    }.exceptionOrNull()
                }
            }
            withContext(Dispatchers.IO) { begun.get() }
            crane.shutDown()
            asking.awaitAll().forEach { assertInstanceOf(CraneException.Closed::class.java, it) }
        }
    }

    @Test
    fun `a flow that nobody collects asks nothing`() = withCrane(folder) { crane ->
        crane.ask(question())
        assertEquals(null, crane.backends().language)
    }

    @Test
    fun `listeners outlive collections of garbage`() = withCrane(folder) { crane ->
        var collecting = true
        val collector = thread {
            while (collecting) {
                System.gc()
                Thread.sleep(1)
            }
        }
        try {
            repeat(5) { assertEquals("Beawurk", crane.answer(question()).text) }
        } finally {
            collecting = false
            collector.join()
        }
    }

    @Test
    fun `bad questions are told as what they are`() = withCrane(folder) { crane ->
        for (text in listOf("", " ", "q".repeat(8_001), "q".repeat(20_000_000), "half a pair: \uD800")) {
            val thrown = runCatching { crane.answer(Question(text)) }.exceptionOrNull()
            assertInstanceOf(CraneException.InvalidInput::class.java, thrown)
            assertTrue(thrown!!.message!!.length < 500)
        }
        for (bad in listOf(question(thoughtTokens = -1), question(answerTokens = -1), question(temperature = Float.NaN))) {
            assertThrows(CraneException.InvalidInput::class.java) { runBlocking { crane.answer(bad) } }
        }
        for (image in listOf(ByteArray(0), ByteArray(10), GATE.copyOf(GATE.size / 2))) {
            val thrown = runCatching { crane.answer(Question("Whose emblem is this?", image)) }.exceptionOrNull()
            assertInstanceOf(CraneException.UnsupportedImage::class.java, thrown)
        }
    }

    private fun question(thoughtTokens: Int? = null, answerTokens: Int? = null, temperature: Float? = null) =
        Question("Whose emblem is this?", GATE, null, thoughtTokens, answerTokens, temperature)
}

/**
 * Sees how the runtime itself says that a question has ended, beneath the flow, which has nobody to tell it. The question
 * is held at an event until the test has seen its collector go, since it might be answered before.
 */
private class Spy(private val real: CraneInterface, private val holdAt: Int = 0) : CraneInterface by real {
    val asked = CompletableFuture<Unit>()
    private val gone = CompletableFuture<Unit>()
    private val ended = CompletableFuture<Any>()
    private var events = 0

    fun ask(): Flow<AnswerEvent> = answerEvents(this, question(), Dispatchers.IO)

    fun end(): Any = ended.get(10, TimeUnit.MINUTES)

    /** To be called when the collector is gone. */
    fun assertCancelled() {
        gone.complete(Unit)
        assertInstanceOf(NativeException.Cancelled::class.java, end())
    }

    override fun ask(question: NativeQuestion, listener: AnswerListener): AnswerTask {
        val heard = object : AnswerListener {
            override fun onEvent(event: NativeEvent) {
                listener.onEvent(event)
                if (++events == holdAt) gone.get()
            }

            override fun onAnswer(answer: NativeAnswer) {
                listener.onAnswer(answer)
                ended.complete(answer)
            }

            override fun onError(error: NativeException) {
                listener.onError(error)
                ended.complete(error)
            }
        }
        return real.ask(question, heard).also { asked.complete(Unit) }
    }
}
