package dev.crane

import dev.crane.ffi.Decision as NativeDecision
import dev.crane.ffi.PassReason as NativePassReason
import dev.crane.ffi.Trace as NativeTrace

/**
 * How one question was answered: it says why. It names facts by id and holds no one's words. A preview has it up to the
 * decision.
 *
 * @property route which index was searched
 * @property hits the best hits, best first, at most 8; several may belong to one fact
 * @property decision which fact fired and how clearly, or why none did
 * @property threshold score that a fact had to reach, -1 to 1
 * @property encoder what computed the embedding ("ONNX Runtime 1.31", "tract")
 * @property reply how the reply came about; null for a preview
 * @property times where the time went
 */
public data class Trace(
    val route: Route,
    val hits: List<Hit>,
    val decision: Decision,
    val threshold: Float,
    val encoder: String,
    val reply: ReplyTrace?,
    val times: StageTimes,
)

/** What the gate decided, with the figures it decided on. Scores are cosine similarities, -1 to 1. */
public sealed interface Decision {
    /**
     * This fact goes into the prompt.
     *
     * @property fact the fact's id
     * @property score of its best key
     * @property threshold what its score had to reach
     * @property confidence calibrated probability that it applies, 0 to 1
     * @property runnerUp the best hit of another fact
     * @property margin how far ahead of the runner-up it is; null without a runner-up
     */
    public data class Fire(
        val fact: String,
        val score: Float,
        val threshold: Float,
        val confidence: Float,
        val runnerUp: Hit?,
        val margin: Float?,
    ) : Decision

    /** No fact applies: the model answers from what it knows and sees. */
    public sealed interface Pass : Decision

    /** No fact applies, since no active fact has a key of this kind. */
    public data object EmptyIndex : Pass

    /**
     * No fact applies, since the nearest is not near enough.
     *
     * @property best the nearest key
     * @property confidence calibrated probability that its fact applies, 0 to 1
     * @property threshold what its score would have had to reach
     */
    public data class BelowThreshold(val best: Hit, val confidence: Float, val threshold: Float) : Pass
}

internal fun NativeTrace.toTrace() = Trace(route, hits, decision.toDecision(), threshold, encoder, reply, times)

internal fun NativeDecision.toDecision(): Decision = when (this) {
    is NativeDecision.Fire -> Decision.Fire(fact, score, threshold, confidence, runnerUp, margin)
    is NativeDecision.Pass -> when (val reason = reason) {
        is NativePassReason.EmptyIndex -> Decision.EmptyIndex
        is NativePassReason.BelowThreshold -> Decision.BelowThreshold(reason.best, reason.confidence, reason.threshold)
    }
}
