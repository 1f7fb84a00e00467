package dev.crane

import dev.crane.ffi.Answer as NativeAnswer
import dev.crane.ffi.AnswerEvent as NativeEvent
import dev.crane.ffi.Preview as NativePreview
import dev.crane.ffi.Question as NativeQuestion

/**
 * A question: text, with or without a photo.
 *
 * @property text 1 to 8,000 characters
 * @property image the encoded photo (JPEG, PNG, WebP), if there is one
 * @property source only facts with exactly this source may fire, 1 to 500 characters; null: all may
 * @property thoughtTokens most tokens of the thought, after which it is closed; 0: the answer alone; null: as the bundle has it
 * @property answerTokens most tokens of the answer, 1 or more; null: as the bundle has it
 * @property temperature 0: always the likeliest token; above, up to 2: drawn by chance; null: as the bundle has it
 * @property seed what chance draws from: the same seed, question and library give the same reply
 */
public class Question(
    public val text: String,
    public val image: ByteArray? = null,
    public val source: String? = null,
    public val thoughtTokens: Int? = null,
    public val answerTokens: Int? = null,
    public val temperature: Float? = null,
    public val seed: Long = 0,
) {
    internal fun native() = NativeQuestion(
        text = text,
        image = image,
        source = source,
        thoughtTokens = thoughtTokens?.unsigned("thoughtTokens"),
        answerTokens = answerTokens?.unsigned("answerTokens"),
        temperature = temperature,
        seed = seed.toULong(),
    )

    /** Says nothing of what is asked. */
    override fun toString(): String = "Question(…)"
}

/** What happens while a question is answered, in this order; both deltas any number of times, thought first. */
public sealed interface AnswerEvent {
    /** It is clear which index is searched. */
    public data class Routed(val route: Route) : AnswerEvent

    /**
     * It is clear whether a fact applies.
     *
     * @property decision the gate's decision and its figures
     * @property fact the fact that fired
     */
    public data class Decided(val decision: Decision, val fact: Fact?) : AnswerEvent

    /** More text of the thought; all of them joined are the thought. */
    public data class ThinkDelta(val text: String) : AnswerEvent {
        /** Says nothing of the thought. */
        override fun toString(): String = "ThinkDelta(…)"
    }

    /** More text of the answer; all of them joined are the answer's text. */
    public data class AnswerDelta(val text: String) : AnswerEvent {
        /** Says nothing of the answer. */
        override fun toString(): String = "AnswerDelta(…)"
    }

    /** The whole answer, last and once. */
    public data class Answered(val answer: Answer) : AnswerEvent
}

/**
 * A question's answer.
 *
 * @property text the answer itself
 * @property thought the chain of thought that led to it
 * @property fact the fact that fired
 * @property trace how it came about
 */
public data class Answer(val text: String, val thought: String, val fact: Fact?, val trace: Trace) {
    /** Which fact fired, none of the answer's words. */
    override fun toString(): String = "Answer(fact=$fact, …)"
}

/**
 * Which fact would fire, found without running the language model.
 *
 * @property fact the fact that would fire
 * @property trace how that was decided; it has no reply
 */
public data class Preview(val fact: Fact?, val trace: Trace)

internal fun NativeEvent.toEvent(): AnswerEvent = when (this) {
    is NativeEvent.Routed -> AnswerEvent.Routed(route)
    is NativeEvent.Decided -> AnswerEvent.Decided(decision.toDecision(), fact?.toFact())
    is NativeEvent.ThinkDelta -> AnswerEvent.ThinkDelta(text)
    is NativeEvent.AnswerDelta -> AnswerEvent.AnswerDelta(text)
}

internal fun NativeAnswer.toAnswer() = Answer(text, thought, fact?.toFact(), trace.toTrace())

internal fun NativePreview.toPreview() = Preview(fact?.toFact(), trace.toTrace())
