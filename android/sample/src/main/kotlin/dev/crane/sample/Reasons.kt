package dev.crane.sample

import dev.crane.Decision
import dev.crane.Route

/** Why the answer is what it is, in lines for people. */
internal fun reasons(state: SessionState): List<String> {
    val trace = state.trace ?: return emptyList()
    val among = if (trace.route == Route.IMAGE) "photos" else "texts"
    val searched = "Looked among the $among of your facts; hits: ${trace.hits.size}."
    val decided = when (val decision = trace.decision) {
        is Decision.Fire -> listOfNotNull(
            "It rests on what you stated: ${state.fact?.statement ?: "a fact that is no longer there"}",
            score(decision.score, decision.threshold, decision.confidence),
            decision.margin?.let { "The next fact is ${"%.2f".format(it)} behind." },
        )
        is Decision.EmptyIndex -> listOf("Nothing that you stated can be found this way.")
        is Decision.BelowThreshold -> listOf(
            "Nothing that you stated is near enough.",
            score(decision.best.score, decision.threshold, decision.confidence),
        )
    }
    val cited = when (trace.reply?.cited) {
        true -> "The thought names the fact."
        false -> "The thought does not name the fact."
        null -> null
    }
    val times = "Found in ${(trace.times.embedUs + trace.times.searchUs) / 1000u} ms, " +
        "answered in ${trace.times.totalUs / 1000u} ms (${trace.encoder}, ${trace.reply?.device})."
    return listOfNotNull(searched, *decided.toTypedArray(), cited, times)
}

private fun score(score: Float, threshold: Float, confidence: Float) =
    "Similarity %.2f, needed %.2f; applies with %.0f %%.".format(score, threshold, confidence * 100)
