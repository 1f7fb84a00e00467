package dev.crane

import java.time.Instant
import dev.crane.ffi.Fact as NativeFact
import dev.crane.ffi.FactFilter as NativeFactFilter
import dev.crane.ffi.Key as NativeKey
import dev.crane.ffi.NewFact as NativeNewFact

/**
 * A correction as the person states it.
 *
 * @property statement the fact in one or two sentences, 1 to 2,000 characters
 * @property subject what the fact is about ("Brasenose College"), 1 to 500 characters
 * @property target what it says of it, the expected answer ("Oxford"), 1 to 500 characters
 * @property images encoded photos (JPEG, PNG, WebP) of what the fact is about, at most 32
 * @property texts further texts under which it is found, at most 32 of 1 to 2,000 characters; the statement always is one
 * @property source where it comes from ("museum label"), 1 to 500 characters
 * @property note the person's own remark, 1 to 2,000 characters
 * @property validFrom first moment it holds; null: always has
 * @property validUntil moment from which it no longer holds; null: never ends
 */
public class NewFact(
    public val statement: String,
    public val subject: String? = null,
    public val target: String? = null,
    public val images: List<ByteArray> = emptyList(),
    public val texts: List<String> = emptyList(),
    public val source: String? = null,
    public val note: String? = null,
    public val validFrom: Instant? = null,
    public val validUntil: Instant? = null,
) {
    internal fun native() = NativeNewFact(
        statement, subject, target, images, texts, source, note, validFrom?.milliseconds(), validUntil?.milliseconds(),
    )

    /** Says nothing of what the person states. */
    override fun toString(): String = "NewFact(…)"
}

/**
 * An edit fact as stored.
 *
 * @property id stable identity, a UUID
 * @property statement the fact in one or two sentences
 * @property subject what the fact is about
 * @property target the expected answer
 * @property source where it comes from
 * @property note the person's own remark
 * @property state where it stands
 * @property supersedes the fact that this one replaces
 * @property createdAt when it was stated
 * @property updatedAt when it last changed
 * @property validFrom first moment it holds
 * @property validUntil moment from which it no longer holds
 * @property origin the pack it was imported from; null: it was stated here
 * @property imageKeys how many photos it is found by
 * @property textKeys how many texts it is found by
 */
public data class Fact(
    val id: String,
    val statement: String,
    val subject: String?,
    val target: String?,
    val source: String?,
    val note: String?,
    val state: FactState,
    val supersedes: String?,
    val createdAt: Instant,
    val updatedAt: Instant,
    val validFrom: Instant?,
    val validUntil: Instant?,
    val origin: Origin?,
    val imageKeys: Int,
    val textKeys: Int,
) {
    /** The id and where it stands, none of its words. */
    override fun toString(): String = "Fact(id=$id, state=$state, …)"
}

/**
 * One thing that a fact is found by.
 *
 * @property id identity; never reused
 * @property modality photo or text
 * @property text the text, for a text
 * @property hasThumbnail whether a small copy of the photo is kept, see [Crane.thumbnail]
 */
public data class Key(val id: Long, val modality: Modality, val text: String?, val hasThumbnail: Boolean) {
    /** The id and the kind, not the text. */
    override fun toString(): String = "Key(id=$id, modality=$modality, …)"
}

internal fun NativeKey.toKey() = Key(id, modality, text, hasThumbnail)

/**
 * Which facts a list holds; the default is every fact that is not deleted, newest first.
 *
 * @property states only facts in one of these states; empty: every state but deleted and forgotten
 * @property source only facts with exactly this source
 * @property subject only facts with exactly this subject, upper and lower case of ASCII letters alike
 * @property validAt only facts that hold at this moment
 * @property offset skips that many
 * @property limit most facts to return; null: all
 */
public class FactFilter(
    public val states: Set<FactState> = emptySet(),
    public val source: String? = null,
    public val subject: String? = null,
    public val validAt: Instant? = null,
    public val offset: Int = 0,
    public val limit: Int? = null,
) {
    internal fun native() = NativeFactFilter(
        states = states.toList(),
        source = source,
        subject = subject,
        validAt = validAt?.milliseconds(),
        offset = offset.unsigned("offset"),
        limit = limit?.unsigned("limit"),
    )

    /** Says nothing of what is looked for. */
    override fun toString(): String = "FactFilter(…)"
}

internal fun NativeFact.toFact() = Fact(
    id = id,
    statement = statement,
    subject = subject,
    target = target,
    source = source,
    note = note,
    state = state,
    supersedes = supersedes,
    createdAt = Instant.ofEpochMilli(createdAt),
    updatedAt = Instant.ofEpochMilli(updatedAt),
    validFrom = validFrom?.let(Instant::ofEpochMilli),
    validUntil = validUntil?.let(Instant::ofEpochMilli),
    origin = origin,
    imageKeys = imageKeys.toInt(),
    textKeys = textKeys.toInt(),
)

/** Unix milliseconds; moments further away than those can say become the furthest. */
internal fun Instant.milliseconds(): Long =
    try {
        toEpochMilli()
    } catch (_: ArithmeticException) {
        if (isAfter(Instant.EPOCH)) Long.MAX_VALUE else Long.MIN_VALUE
    }
