package dev.crane

import dev.crane.ffi.AnswerListener
import dev.crane.ffi.CraneInterface
import dev.crane.ffi.ListenerException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.SendChannel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.flowOn
import dev.crane.ffi.Answer as NativeAnswer
import dev.crane.ffi.AnswerEvent as NativeEvent
import dev.crane.ffi.CraneException as NativeException

/** One question per collector. The channel has no limit: what goes into it is one reply, whose length has one. */
internal fun answerEvents(
    crane: CraneInterface,
    question: Question,
    dispatcher: CoroutineDispatcher,
): Flow<AnswerEvent> =
    callbackFlow {
        val task = typed { crane.ask(question.native(), Listener(channel)) }
        // However the collector ends. The task is held until then: one that is collected cancels its question.
        awaitClose {
            task.cancel()
            task.destroy()
        }
    }.buffer(Channel.UNLIMITED).flowOn(dispatcher)

/** Runs on the question's own thread and never waits. */
private class Listener(private val events: SendChannel<AnswerEvent>) : AnswerListener {
    override fun onEvent(event: NativeEvent) {
        // Nobody collects any more: what is thrown ends the question, should it not have heard yet.
        if (events.trySend(event.toEvent()).isClosed) throw ListenerException.Failed()
    }

    override fun onAnswer(answer: NativeAnswer) {
        events.trySend(AnswerEvent.Answered(answer.toAnswer()))
        events.close()
    }

    override fun onError(error: NativeException) {
        events.close(error.typed())
    }
}
