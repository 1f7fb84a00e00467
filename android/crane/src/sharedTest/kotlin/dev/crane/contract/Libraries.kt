package dev.crane.contract

import dev.crane.CheckReport
import dev.crane.CraneException
import dev.crane.FactLibrary
import dev.crane.MODELS
import dev.crane.ROOT
import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.serialization.json.JsonObject

/** Steps on a library that nobody need have open. */
internal suspend fun onLibrary(folder: File, name: String, step: JsonObject): Outcome {
    val library = FactLibrary(library(folder, step), step.optional("key"))
    return when (name) {
        "is_encrypted" -> outcome("encrypted" to library.isEncrypted())
        "set_key" -> library.setKey(step.optional("new_key")).done()
        "check" -> watched(step) { checked(library.check(it)) }
        "repair" -> watched(step) { onProgress ->
            val report = library.repair(onProgress)
            checked(report.after) + outcome("done" to report.done.map { it.name.lowercase() })
        }
        "salvage" -> watched(step) {
            val report = library.salvage(File(folder, step.string("into")), models(step), it)
            outcome("saved" to report.facts, "lost" to report.lostFacts)
        }
        "reembed" -> watched(step) {
            val report = library.reembed(models(step), onProgress = it)
            outcome("keys" to report.keys, "projected" to report.projected)
        }
        else -> error("no step does `$name`")
    }
}

/** Does work with the listener that a step wants, and says whether what it was told makes sense. */
internal suspend fun watched(step: JsonObject, work: suspend (onProgress: (Float) -> Unit) -> Outcome): Outcome =
    when (val wanted = step.optional("progress")) {
        null -> work {}
        // What a listener throws comes back once the work has ended as cancelled.
        "throw" -> work { throw CraneException.Cancelled("on purpose") }
        "watch" -> {
            val shares = CopyOnWriteArrayList<Float>()
            val outcome = work { shares += it }
            outcome + outcome("progress" to (shares.all { it in 0f..1f } && shares.lastOrNull() == 1f))
        }
        else -> error("no listener does `$wanted`")
    }

internal fun library(folder: File, step: JsonObject) = File(folder, step.optional("library") ?: "library")

internal fun models(step: JsonObject): File = step.optional("models")?.let { File(ROOT, it) } ?: MODELS

private fun checked(report: CheckReport): Outcome = outcome(
    "checked" to report.facts,
    "worst" to report.findings.firstOrNull()?.severity?.name?.lowercase(),
    "found" to report.findings.map { it.part.name.lowercase() },
)
