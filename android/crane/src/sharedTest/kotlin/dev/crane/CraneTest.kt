package dev.crane

import dev.crane.ffi.errorCodes
import java.io.File
import java.io.FilterInputStream
import java.io.InputStream
import java.time.Instant
import java.util.concurrent.Executors
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The runtime as an object: opening, closing, threads, cancellation, bad input, and what it says of itself. */
class CraneTest {
    @TempDir
    lateinit var folder: File

    private val options get() = OpenOptions(MODELS, File(folder, "library"))

    private inline fun <reified T : Throwable> fails(noinline call: suspend () -> Any?): T =
        assertThrows(T::class.java) { runBlocking { call() } }

    @Test
    fun `use after closing is an error, and closing again is none`(): Unit = runBlocking {
        val crane = Crane.open(options)
        val fact = crane.addFact(emblem())
        crane.exportPack(File(folder, "pack"))
        crane.close()
        crane.close()
        crane.shutDown()
        val calls = listOf<suspend () -> Any?>(
            { crane.ask(question()).toList() },
            { crane.answer(question()) },
            { crane.preview(question()) },
            { crane.addFact(emblem()) },
            { crane.conflicts(emblem()) },
            { crane.editFact(fact.id, emblem()) },
            { crane.supersedeFact(fact.id, emblem()) },
            { crane.supersedeFacts(listOf(fact.id), emblem()) },
            { crane.factKeys(fact.id) },
            { crane.thumbnail(1) },
            { crane.receipts() },
            { crane.enableFact(fact.id) },
            { crane.disableFact(fact.id) },
            { crane.deleteFact(fact.id) },
            { crane.forgetFact(fact.id) },
            { crane.fact(fact.id) },
            { crane.facts() },
            { crane.searchFacts("emblem") },
            { crane.history() },
            { crane.factAsOf(fact.id, 1) },
            { crane.restoreFact(fact.id, 1) },
            { crane.undo() },
            { crane.redo() },
            { crane.exportPack(File(folder, "pack")) },
            { crane.previewPack(File(folder, "pack")) },
            { crane.importPack(File(folder, "pack")) },
            { crane.modelInfo() },
            { crane.devices() },
            { crane.warmUp() },
            { crane.onBackground() },
            { crane.onForeground() },
        )
        calls.forEach { assertEquals(18, fails<CraneException.Closed>(it).code) }
        crane.trimMemory(TrimLevel.MODELS)
        assertEquals(null, crane.backends().language)
        assertEquals(0uL, crane.memoryUsage().languageWeights)
    }

    @Test
    fun `what was acknowledged is there for the next one`(): Unit = runBlocking {
        val fact = Crane.open(options).use { it.addFact(emblem()) }
        Crane.open(OpenOptions(MODELS, File(folder, "library"), readOnly = true)).use { crane ->
            assertEquals(fact, crane.fact(fact.id))
            fails<CraneException.ReadOnly> { crane.undo() }
        }
    }

    @Test
    fun `opening that is cancelled leaves nothing open`(): Unit = runBlocking {
        // At whatever point it is cancelled, the next one finds the library free.
        for (wait in 0L..60 step 5) {
            val opening = launch(Dispatchers.Default) { Crane.open(options).close() }
            delay(wait.milliseconds)
            opening.cancelAndJoin()
            Crane.open(options).close()
        }
    }

    @Test
    fun `calls block threads of the dispatcher that was given`(): Unit = runBlocking {
        val pool = Executors.newSingleThreadExecutor { Thread(it, "given") }
        pool.asCoroutineDispatcher().use { dispatcher ->
            Crane.open(options, dispatcher).use { crane ->
                val threads = HashSet<String>()
                crane.warmUp { threads += Thread.currentThread().name.substringBefore(" @") }
                assertEquals(setOf("given"), threads)
                assertEquals("Beawurk", crane.answer(question()).text)
            }
        }
    }

    @Test
    fun `many threads at once`() = withCrane(folder) { crane ->
        coroutineScope {
            List(8) { n ->
                async(Dispatchers.Default) {
                    val fact = crane.addFact(NewFact("Fact number $n.", source = "thread"))
                    assertEquals(fact, crane.fact(fact.id))
                    if (n % 2 == 0) crane.disableFact(fact.id) else crane.preview(Question("Which number?"))
                    crane.answer(question())
                }
            }.awaitAll()
        }
        assertEquals(8, crane.facts(FactFilter(source = "thread")).size)
        assertEquals(4, crane.facts(FactFilter(states = setOf(FactState.DISABLED))).size)
    }

    @Test
    fun `what a progress listener throws comes back, and nothing was done`() = withCrane(folder) { crane ->
        crane.addFact(emblem())
        val pack = File(folder, "facts.cranepack")
        assertEquals("on purpose", fails<IllegalStateException> { crane.exportPack(pack) { error("on purpose") } }.message)
        assertFalse(pack.exists())
        coroutineScope {
            val exporting = launch(Dispatchers.Default) {
                val job = currentCoroutineContext().job
                crane.exportPack(pack) { job.cancel() }
            }
            exporting.join()
            assertTrue(exporting.isCancelled)
        }
        assertFalse(pack.exists())
        val shares = ArrayList<Float>()
        assertEquals(1uL, crane.exportPack(pack, onProgress = { shares += it }).facts)
        assertEquals(1f, shares.last())
        assertEquals(listOf("Theaprairk"), packFacts(pack).map { it.target })
    }

    @Test
    fun `a progress listener may look things up and close, and changes nothing`() = withCrane(folder) { crane ->
        crane.addFact(emblem())
        var heard = 0
        crane.exportPack(File(folder, "one.cranepack")) {
            heard += crane.native.facts(FactFilter().native()).size
            assertThrows(CraneException.InvalidInput::class.java) { typed { crane.native.undo() } }
        }
        assertTrue(heard > 0)
        val pack = File(folder, "two.cranepack")
        fails<CraneException.Closed> { crane.exportPack(pack) { crane.close() } }
        assertFalse(pack.exists())
    }

    @Test
    fun `bad input is told as what it is, and repeats nothing`() = withCrane(folder) { crane ->
        val id = "00000000-0000-4000-8000-000000000000"
        val half = "mystery \uDC00"
        val calls = listOf<suspend () -> Any?>(
            { crane.addFact(NewFact(half)) },
            { crane.addFact(NewFact("A fact.", texts = listOf(half))) },
            { crane.addFact(NewFact("mystery".repeat(5_000_000))) },
            { crane.addFact(NewFact("A fact.", images = List(33) { GATE })) },
            { crane.addFact(NewFact("A fact.", validFrom = Instant.MAX, validUntil = Instant.MIN)) },
            { crane.facts(FactFilter(subject = half)) },
            { crane.facts(FactFilter(limit = -1)) },
            { crane.facts(FactFilter(offset = Int.MIN_VALUE)) },
            { crane.searchFacts("mystery", limit = -1) },
            { crane.searchFacts("") },
            { crane.history(limit = -1) },
            { crane.history(fact = "mystery") },
            { crane.editFact(half, emblem()) },
            { crane.fact("../../mystery") },
            { crane.conflicts(emblem(), Float.NaN) },
            { Crane.open(OpenOptions(MODELS, File(folder, "l"), threads = 0)) },
            { Crane.open(OpenOptions(MODELS, File(folder, "l"), threads = -1)) },
            { Crane.open(OpenOptions(MODELS, File(folder, "l"), memoryBudget = -1)) },
            { Crane.open(OpenOptions(MODELS, File(folder, "l"), idleUnload = (-1).milliseconds)) },
            { Crane.open(OpenOptions(MODELS, File(folder, "l"), key = "mystery")) },
            { FactLibrary(folder, "mystery") },
            { publicKey("mystery") },
        )
        calls.forEachIndexed { at, call ->
            val message = fails<CraneException.InvalidInput>(call).message.orEmpty()
            assertTrue(message.isNotEmpty() && "mystery" !in message) { "call $at: $message" }
        }
        fails<CraneException.UnsupportedImage> { crane.addFact(NewFact("A fact.", images = listOf(ByteArray(0)))) }
        fails<CraneException.NotFound> { crane.fact(id) }
        fails<CraneException.ModelMissing> { Crane.open(OpenOptions(File(folder, "none"), File(folder, "l"))) }
        fails<CraneException.LibraryLocked> { Crane.open(options) }
        assertEquals(emptyList<Fact>(), crane.facts())
    }

    @Test
    fun `errors have the numbers of every language`() {
        val ours = CraneException::class.java.declaredClasses.filter { CraneException::class.java.isAssignableFrom(it) }
        val codes = ours.associate { kind ->
            val error = kind.getConstructor(String::class.java).newInstance("why") as CraneException
            kind.simpleName to error.code
        }
        assertEquals(errorCodes(), codes)
    }

    @Test
    fun `nothing that is printed has a person's words in it`() = withCrane(folder) { crane ->
        val secret = "Theaprairk"
        val fact = crane.addFact(emblem())
        val events = crane.ask(question()).toList()
        val key = generateSigningKey()
        val said = events + listOf(
            fact,
            emblem(),
            Question(secret),
            FactFilter(subject = secret),
            OpenOptions(File(secret), File(secret), key = secret),
            ExportOptions(signingKey = key),
            crane.preview(question()),
            crane.history(),
            crane.conflicts(emblem()),
            crane.forgetFact(fact.id),
        )
        assertTrue(events.any { it is AnswerEvent.Answered && it.answer.text == secret })
        said.forEach { assertFalse(secret in it.toString() || key in it.toString()) { "$it" } }
    }

    @Test
    fun `times survive the way there and back`() = withCrane(folder) { crane ->
        val (from, until) = Instant.ofEpochMilli(-1) to Instant.parse("2100-01-01T00:00:00.001Z")
        val fact = crane.addFact(NewFact("A fact.", validFrom = from, validUntil = until))
        assertEquals(from to until, fact.validFrom to fact.validUntil)
        assertEquals(listOf(fact), crane.facts(FactFilter(validAt = Instant.EPOCH)))
        assertEquals(emptyList<Fact>(), crane.facts(FactFilter(validAt = until)))
    }

    @Test
    fun `photos are read from streams, up to a limit`() = withCrane(folder) { crane ->
        val trickle = object : FilterInputStream(GATE.inputStream()) {
            override fun read(buffer: ByteArray, at: Int, size: Int) = super.read(buffer, at, minOf(size, 7))
        }
        assertArrayEquals(GATE, trickle.readPhoto())
        assertEquals("Beawurk", crane.answer(Question("Whose emblem is this?", GATE.inputStream().readPhoto())).text)
        var taken = 0L
        val endless = object : InputStream() {
            override fun read() = 0

            override fun read(buffer: ByteArray, at: Int, size: Int) = size.also { taken += it }
        }
        fails<CraneException.UnsupportedImage> { endless.readPhoto() }
        assertTrue(taken < 65 * 1024 * 1024)
    }
}
