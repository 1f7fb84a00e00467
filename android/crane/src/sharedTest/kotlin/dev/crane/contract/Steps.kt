package dev.crane.contract

import dev.crane.Answer
import dev.crane.AnswerEvent
import dev.crane.Crane
import dev.crane.Decision
import dev.crane.DeviceKind
import dev.crane.ExportOptions
import dev.crane.Fact
import dev.crane.FactFilter
import dev.crane.FactState
import dev.crane.HistoryEntry
import dev.crane.ImportOptions
import dev.crane.Modality
import dev.crane.NewFact
import dev.crane.OnConflict
import dev.crane.OpenOptions
import dev.crane.Question
import dev.crane.Trace
import dev.crane.TrimLevel
import dev.crane.packFacts
import dev.crane.publicKey
import java.io.File
import kotlinx.coroutines.flow.toList
import kotlinx.serialization.json.JsonObject
import org.junit.jupiter.api.Assertions.assertEquals

/** Every step that the contract has, done in a folder. */
internal class Steps(private val folder: File) : AutoCloseable {
    private var open: Crane? = null
    private val crane: Crane get() = checkNotNull(open) { "no step opened anything" }

    /** What a test leaves open would keep its threads and models. */
    override fun close() = open?.close() ?: Unit

    suspend fun perform(step: JsonObject): Outcome = when (val name = step.does()) {
        "open" -> open(step)
        "close" -> crane.shutDown().done()
        "add" -> fact(crane.addFact(newFact(step)))
        "conflicts" -> {
            val found = crane.conflicts(newFact(step))
            val reasons = found.map { if (it.similarity == null) "subject" else "picture" }
            outcome("facts" to found.map { it.fact }, "reasons" to reasons)
        }
        "edit" -> fact(crane.editFact(step.string("id"), newFact(step)))
        "supersede" -> fact(
            if ("ids" in step) crane.supersedeFacts(ids(step).orEmpty(), newFact(step))
            else crane.supersedeFact(step.string("id"), newFact(step)),
        )
        "enable" -> fact(crane.enableFact(step.string("id")))
        "disable" -> fact(crane.disableFact(step.string("id")))
        "delete" -> fact(crane.deleteFact(step.string("id")))
        "get" -> fact(crane.fact(step.string("id")))
        "forget" -> {
            val receipt = crane.forgetFact(step.string("id"))
            outcome("fact" to receipt.fact, "digest_digits" to receipt.digest.length)
        }
        "keys" -> {
            val keys = crane.factKeys(step.string("id"))
            outcome("images" to keys.count { it.modality == Modality.IMAGE }, "texts" to keys.mapNotNull { it.text })
        }
        "thumbnail" -> {
            val photo = crane.thumbnail(step.long("key"))
            outcome("jpeg" to (photo != null && photo[0] == 0xFF.toByte() && photo[1] == 0xD8.toByte()))
        }
        "receipts" -> outcome("facts" to crane.receipts().map { it.fact })
        "list" -> facts(crane.facts(filter(step)))
        "search" -> facts(crane.searchFacts(step.string("words"), step.int("limit")!!))
        "history" -> outcome("ops" to crane.history(step.optional("id"), step.int("limit")!!).map { it.op })
        "as_of" -> fact(crane.factAsOf(step.string("id"), step.long("seq")))
        "restore" -> fact(crane.restoreFact(step.string("id"), step.long("seq")))
        "undo" -> change(crane.undo())
        "redo" -> change(crane.redo())
        "preview" -> {
            val preview = crane.preview(question(step))
            outcome(*traced(preview.fact, preview.trace))
        }
        "ask" -> ask(step)
        "warm_up" -> watched(step) { crane.warmUp(it).done() }
        "background" -> crane.onBackground().done()
        "foreground" -> crane.onForeground().done()
        "trim" -> crane.trimMemory(TrimLevel.valueOf(step.string("level").uppercase())).done()
        "memory" -> {
            val usage = crane.memoryUsage()
            outcome("models" to (usage.languageWeights > 0u && usage.encoders > 0u), "index" to (usage.index > 0u))
        }
        "backends" -> {
            val backends = crane.backends()
            outcome("encoder" to (backends.encoder != null), "language" to (backends.language != null))
        }
        "put" -> put(step)
        "public_key" -> outcome("public_key" to publicKey(step.string("signing_key")))
        "pack_facts" -> facts(packFacts(file(step), ids(step).orEmpty()))
        "export", "preview_pack", "import" -> watched(step) { withPack(name, step, it) }
        "model_info" -> {
            val info = crane.modelInfo()
            val (language, vision) = info.language.architecture to info.vision.architecture
            outcome("name" to info.name, "context" to info.context, "language" to language, "vision" to vision)
        }
        "devices" -> outcome("cpu" to crane.devices().any { it.kind == DeviceKind.CPU })
        else -> onLibrary(folder, name, step)
    }

    private fun file(step: JsonObject) = File(folder, step.string("file"))

    private fun put(step: JsonObject): Outcome {
        file(step).parentFile.mkdirs()
        return file(step).writeBytes(step.getValue("content").photo()).done()
    }

    private suspend fun withPack(name: String, step: JsonObject, onProgress: (Float) -> Unit): Outcome = when (name) {
        "export" -> {
            val options = ExportOptions(facts = ids(step), signingKey = step.optional("signing_key"))
            val report = crane.exportPack(file(step), options, onProgress)
            outcome("exported" to report.facts, "keys" to report.keys, "receipts" to report.receipts)
        }
        "preview_pack" -> {
            val preview = crane.previewPack(file(step), importOptions(step), onProgress)
            outcome(
                "new" to preview.new,
                "same" to preview.same,
                "conflicts" to preview.conflicts.map { it.fact },
                "signer" to preview.origin.signer,
                "trusted" to preview.origin.trusted,
            )
        }
        else -> {
            val report = crane.importPack(file(step), importOptions(step), onProgress)
            outcome(
                "added" to report.added,
                "replaced" to report.replaced,
                "superseded" to report.superseded,
                "skipped" to report.skipped,
            )
        }
    }

    private suspend fun open(step: JsonObject): Outcome {
        val options = OpenOptions(
            models = models(step),
            library = library(folder, step),
            key = step.optional("key"),
            readOnly = step.optional("read_only").toBoolean(),
            keepThumbnails = step.optional("keep_thumbnails").toBoolean(),
            threads = step.int("threads"),
        )
        open = Crane.open(options)
        return emptyMap()
    }

    private suspend fun ask(step: JsonObject): Outcome {
        val question = question(step)
        val events = if ("at" in step) listen(crane, question, step) else crane.ask(question).toList()
        val answer = (events.last() as AnswerEvent.Answered).answer
        checkEvents(events.dropLast(1), answer)
        val reply = checkNotNull(answer.trace.reply)
        return outcome(
            *traced(answer.fact, answer.trace),
            "text" to answer.text,
            "cited" to reply.cited,
            "well_formed" to reply.wellFormed,
        )
    }
}

/** The order is as promised, and the pieces make up the whole. */
private fun checkEvents(events: List<AnswerEvent>, answer: Answer) {
    val (routed, decided) = events
    assertEquals(AnswerEvent.Routed(answer.trace.route), routed)
    assertEquals(AnswerEvent.Decided(answer.trace.decision, answer.fact), decided)
    val thought = events.drop(2).takeWhile { it is AnswerEvent.ThinkDelta }.map { (it as AnswerEvent.ThinkDelta).text }
    val text = events.drop(2 + thought.size).map { (it as AnswerEvent.AnswerDelta).text }
    assertEquals(answer.thought, thought.joinToString(""))
    assertEquals(answer.text, text.joinToString(""))
}

internal fun Unit.done(): Outcome = emptyMap()

private fun newFact(step: JsonObject): NewFact {
    val fact = step.getValue("fact") as JsonObject
    return NewFact(
        statement = fact.string("statement"),
        subject = fact.optional("subject"),
        target = fact.optional("target"),
        images = fact.list("images") { it.photo() },
        texts = fact.list("texts") { it.text() },
        source = fact.optional("source"),
        note = fact.optional("note"),
        validFrom = fact.time("valid_from"),
        validUntil = fact.time("valid_until"),
    )
}

private fun ids(step: JsonObject): List<String>? = if ("ids" in step) step.list("ids") { it.text() } else null

private fun importOptions(step: JsonObject) = ImportOptions(
    trusted = step.list("trusted") { it.text() },
    onConflict = step.optional("on_conflict")?.let { OnConflict.valueOf(it.uppercase()) },
)

private fun filter(step: JsonObject) = FactFilter(
    states = step.list("states") { FactState.valueOf(it.text().uppercase()) }.toSet(),
    source = step.optional("source"),
    subject = step.optional("subject"),
    offset = step.int("offset") ?: 0,
    limit = step.int("limit"),
)

private fun question(step: JsonObject) = Question(
    text = step.string("question"),
    image = step["image"]?.photo(),
    source = step.optional("source"),
    thoughtTokens = step.int("thought_tokens"),
    temperature = step.float("temperature"),
)

private fun fact(fact: Fact): Outcome = outcome(
    "id" to fact.id,
    "statement" to fact.statement,
    "subject" to fact.subject,
    "target" to fact.target,
    "source" to fact.source,
    "note" to fact.note,
    "state" to fact.state.name.lowercase(),
    "supersedes" to fact.supersedes,
    "valid_from" to fact.validFrom?.toEpochMilli(),
    "valid_until" to fact.validUntil?.toEpochMilli(),
    "image_keys" to fact.imageKeys,
    "text_keys" to fact.textKeys,
    "trusted" to fact.origin?.trusted,
)

private fun facts(facts: List<Fact>): Outcome = outcome("facts" to facts.map { it.id })

private fun change(entry: HistoryEntry?): Outcome =
    if (entry == null) outcome("op" to null) else outcome("op" to entry.op, "facts" to entry.facts)

private fun traced(fact: Fact?, trace: Trace): Array<Pair<String, Any?>> {
    val (fired, reason) = when (val decision = trace.decision) {
        is Decision.Fire -> decision.fact to "fire"
        is Decision.EmptyIndex -> null to "empty_index"
        is Decision.BelowThreshold -> null to "below_threshold"
    }
    assertEquals(fact?.id, fired)
    val route = trace.route.name.lowercase()
    return arrayOf("fired" to fired, "reason" to reason, "route" to route, "hits" to trace.hits.size)
}
