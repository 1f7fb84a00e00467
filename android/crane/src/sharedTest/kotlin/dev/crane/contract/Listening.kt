package dev.crane.contract

import dev.crane.AnswerEvent
import dev.crane.Crane
import dev.crane.Question
import dev.crane.ffi.Answer
import dev.crane.ffi.AnswerListener
import dev.crane.ffi.AnswerTask
import dev.crane.ffi.CraneException
import dev.crane.toAnswer
import dev.crane.toEvent
import dev.crane.typed
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.ExecutionException
import kotlin.concurrent.thread
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject

/** Asks with a listener that acts within its call, beneath the flow, where nothing has gone on meanwhile. */
internal fun listen(crane: Crane, question: Question, step: JsonObject): List<AnswerEvent> {
    val listener = ActingListener(crane, step.string("at"), step.string("then"))
    listener.task.complete(typed { crane.native.ask(question.native(), listener) })
    return try {
        listener.end.get()
    } catch (failed: ExecutionException) {
        throw (failed.cause as? CraneException)?.typed() ?: failed
    }
}

private class ActingListener(val crane: Crane, val at: String, val then: String) : AnswerListener {
    /** It is there as soon as `ask` has returned. */
    val task = CompletableFuture<AnswerTask>()
    val end = CompletableFuture<List<AnswerEvent>>()
    private val events = CopyOnWriteArrayList<AnswerEvent>()

    override fun onEvent(event: dev.crane.ffi.AnswerEvent) {
        events += event.toEvent()
        if (kind(events.last()) == at) act()
    }

    override fun onAnswer(answer: Answer) {
        end.complete(events + AnswerEvent.Answered(answer.toAnswer()))
    }

    override fun onError(error: CraneException) {
        end.completeExceptionally(error)
    }

    private fun act() {
        when (then) {
            "cancel" -> task.get().cancel()
            "cancel_elsewhere" -> thread { task.get().cancel() }.join()
            "close" -> crane.close()
            "list" -> runBlocking { crane.facts() }
            "throw" -> error("thrown on purpose")
            else -> end.completeExceptionally(AssertionError("no listener does `$then`"))
        }
    }
}

private fun kind(event: AnswerEvent) = when (event) {
    is AnswerEvent.Routed -> "routed"
    is AnswerEvent.Decided -> "decided"
    is AnswerEvent.ThinkDelta -> "think"
    is AnswerEvent.AnswerDelta -> "answer"
    is AnswerEvent.Answered -> "answered"
}
