package dev.crane.contract

import dev.crane.CraneException
import dev.crane.ffi.errorCodes
import dev.crane.hasEncryption
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse

internal typealias Outcome = Map<String, JsonElement>

/** Runs steps and compares outcomes: names for ids, and every key that is expected. */
internal class Script(private val steps: Steps) : AutoCloseable {
    private val ids = HashMap<String, String>()
    private val names = HashMap<String, String>()

    fun step(place: String, step: JsonObject) {
        if (!can(step["needs"]?.jsonPrimitive?.content)) {
            println("skipped: $place needs ${step["needs"]}")
        } else if (step.does() == "parallel") {
            parallel(place, step)
        } else {
            check(place, step, perform(toIds(step)))
        }
    }

    override fun close() = steps.close()

    /** Whether this language and this build can do a step. */
    private fun can(need: String?): Boolean = when (need) {
        null -> true
        "encryption" -> hasEncryption
        "no_encryption" -> !hasEncryption
        "invalid_utf8", "null" -> false
        else -> error("nothing is known of the need `$need`")
    }

    private fun parallel(place: String, step: JsonObject) {
        val all = step.getValue("steps").jsonArray.map { toIds(it.jsonObject) }
        val times = step.getValue("times").jsonPrimitive.content.toInt()
        val pool = Executors.newFixedThreadPool(times)
        try {
            val threads = List(times) { Callable { all.map(::perform) } }
            for (thread in pool.invokeAll(threads)) {
                all.zip(thread.get()).forEach { (step, outcome) -> check(place, step, outcome) }
            }
        } finally {
            pool.shutdownNow()
        }
    }

    /** A step's outcome, or the error as one; its name and number are those that every language is told. */
    private fun perform(step: JsonObject): Outcome =
        try {
            runBlocking { steps.perform(step) }
        } catch (error: CraneException) {
            val kind = error.javaClass.simpleName
            assertEquals(errorCodes()[kind], error.code)
            assertFalse(error.message.isNullOrEmpty())
            val snake = kind.replace(Regex("(?<!^)[A-Z]"), "_$0").lowercase()
            mapOf("error" to JsonPrimitive(snake), "code" to JsonPrimitive(error.code))
        }

    private fun check(place: String, step: JsonObject, outcome: Outcome) {
        val (name, id) = step["as"]?.jsonPrimitive?.content to outcome["id"]?.jsonPrimitive?.content
        if (name != null && id != null) {
            ids[name] = id
            names[id] = name
        }
        val named = outcome.mapValues { (key, value) -> if (key in IDS) toName(value) else value }
        val expect = step["expect"]?.jsonObject.orEmpty()
        assertEquals(expect["error"], named["error"]) { "$place: $step: $named" }
        for ((key, value) in expect) {
            assertEquals(value, named[key]) { "$key of $place: $step: $named" }
        }
    }

    private fun toIds(step: JsonObject): JsonObject {
        return JsonObject(step.mapValues { (key, value) -> if (key == "id" || key == "ids") toId(value) else value })
    }

    private fun toId(value: JsonElement): JsonElement = when (value) {
        is JsonArray -> JsonArray(value.map(::toId))
        is JsonPrimitive -> ids[value.contentOrNull]?.let(::JsonPrimitive) ?: value
        is JsonObject -> value
    }

    private fun toName(value: JsonElement): JsonElement = when (value) {
        is JsonArray -> JsonArray(value.map(::toName))
        is JsonNull, is JsonObject -> value
        is JsonPrimitive -> JsonPrimitive(names[value.content] ?: value.content)
    }

    private companion object {
        /** Keys of outcomes under which ids stand. */
        val IDS = setOf("id", "fired", "supersedes", "fact", "facts") +
            setOf("new", "same", "conflicts", "added", "replaced", "superseded", "skipped")
    }
}

internal fun JsonObject.does(): String = getValue("do").jsonPrimitive.content
