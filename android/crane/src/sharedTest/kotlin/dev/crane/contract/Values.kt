package dev.crane.contract

import dev.crane.ROOT
import java.io.File
import java.time.Instant
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonPrimitive

/** A text: as it stands, or generated. */
internal fun JsonElement.text(): String =
    if (this is JsonObject) string("repeat").repeat(int("times")!!) else jsonPrimitive.content

/** A photo's bytes: of a file, or generated. */
internal fun JsonElement.photo(): ByteArray =
    if (this is JsonObject) {
        ByteArray(int("times")!!).apply { fill(int("bytes")!!.toByte()) }
    } else {
        File(ROOT, text()).readBytes()
    }

internal fun JsonObject.string(key: String): String = getValue(key).text()

internal fun JsonObject.optional(key: String): String? = get(key)?.takeIf { it !is JsonNull }?.text()

/** A number that a language with signed numbers can say; greater ones are as good as its greatest. */
internal fun JsonObject.int(key: String): Int? =
    get(key)?.jsonPrimitive?.content?.toLong()?.coerceAtMost(Int.MAX_VALUE.toLong())?.toInt()

internal fun JsonObject.long(key: String): Long = getValue(key).jsonPrimitive.content.toLong()

internal fun JsonObject.float(key: String): Float? = get(key)?.jsonPrimitive?.content?.toFloat()

internal fun JsonObject.time(key: String): Instant? =
    get(key)?.let { Instant.ofEpochMilli(it.jsonPrimitive.content.toLong()) }

internal fun <T> JsonObject.list(key: String, read: (JsonElement) -> T): List<T> =
    get(key)?.jsonArray.orEmpty().map(read)

internal fun json(value: Any?): JsonElement = when (value) {
    null -> JsonNull
    is JsonElement -> value
    is Boolean -> JsonPrimitive(value)
    is Number -> JsonPrimitive(value)
    is ULong -> JsonPrimitive(value.toLong())
    is UInt -> JsonPrimitive(value.toLong())
    is Iterable<*> -> JsonArray(value.map(::json))
    else -> JsonPrimitive(value.toString())
}

internal fun outcome(vararg values: Pair<String, Any?>): Outcome = values.associate { (key, value) -> key to json(value) }
