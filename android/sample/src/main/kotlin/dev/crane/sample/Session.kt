package dev.crane.sample

import dev.crane.AnswerEvent
import dev.crane.Crane
import dev.crane.CraneException
import dev.crane.Fact
import dev.crane.NewFact
import dev.crane.Question
import dev.crane.Trace
import java.io.IOException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** What the screen shows. */
data class SessionState(
    val photo: ByteArray? = null,
    val question: String = "",
    val asking: Boolean = false,
    val thought: String = "",
    val answer: String = "",
    val fact: Fact? = null,
    val trace: Trace? = null,
    val facts: List<Fact> = emptyList(),
    val message: String? = null,
) {
    /** Says nothing of what the person asks and states. */
    override fun toString() = "SessionState(asking=$asking, …)"
}

/**
 * What the person does, and what comes of it. It knows no Android, and outlives activities.
 *
 * @param open opens the runtime when it is first needed
 */
class Session(private val scope: CoroutineScope, open: suspend () -> Crane) {
    private val crane = scope.async(start = CoroutineStart.LAZY) { open() }
    private val shown = MutableStateFlow(SessionState())
    private var question: Job? = null

    val state: StateFlow<SessionState> = shown.asStateFlow()

    /** Opens the runtime and loads the models while the person still looks for a photo. */
    fun prepare(): Job = work {
        refresh(it)
        it.warmUp()
    }

    /** Reads a photo, from wherever it comes. */
    fun show(photo: suspend () -> ByteArray): Job = work {
        val bytes = photo()
        shown.update { it.copy(photo = bytes, thought = "", answer = "", fact = null, trace = null) }
    }

    fun type(question: String) = shown.update { it.copy(question = question) }

    /** Asks about the photo, or without one; a question that is still being answered is cancelled. */
    fun ask() {
        question?.cancel()
        val (photo, text) = shown.value.photo to shown.value.question
        shown.update { it.copy(asking = true, thought = "", answer = "", fact = null, trace = null) }
        question = work { crane -> crane.ask(Question(text, photo)).collect(::hear) }.also { job ->
            job.invokeOnCompletion { if (question === job) shown.update { it.copy(asking = false) } }
        }
    }

    /** Stops the answer where it is. */
    fun stop() {
        question?.cancel()
    }

    private fun hear(event: AnswerEvent) = shown.update {
        when (event) {
            is AnswerEvent.Routed -> it
            is AnswerEvent.Decided -> it.copy(fact = event.fact)
            is AnswerEvent.ThinkDelta -> it.copy(thought = it.thought + event.text)
            is AnswerEvent.AnswerDelta -> it.copy(answer = it.answer + event.text)
            is AnswerEvent.Answered -> it.copy(answer = event.answer.text, trace = event.answer.trace)
        }
    }

    /** States what is right; it takes the place of the fact that fired, if the person corrects that one. */
    fun correct(statement: String, target: String): Job = work { crane ->
        val fact = NewFact(
            statement = statement,
            target = target.ifBlank { null },
            images = listOfNotNull(shown.value.photo),
        )
        val wrong = shown.value.fact
        if (wrong == null) crane.addFact(fact) else crane.supersedeFact(wrong.id, fact)
        shown.update { it.copy(fact = null) }
        refresh(crane)
    }

    fun undo(): Job = work { crane ->
        val undone = crane.undo()
        shown.update { it.copy(fact = null, message = if (undone == null) "There is nothing to undo." else it.message) }
        refresh(crane)
    }

    /** Erases a fact for good. */
    fun forget(fact: Fact): Job = work { crane ->
        crane.forgetFact(fact.id)
        shown.update { if (it.fact?.id == fact.id) it.copy(fact = null) else it }
        refresh(crane)
    }

    fun dismiss() = shown.update { it.copy(message = null) }

    private suspend fun refresh(crane: Crane) {
        val facts = crane.facts()
        shown.update { it.copy(facts = facts) }
    }

    private fun work(action: suspend (Crane) -> Unit): Job = scope.launch {
        try {
            action(crane.await())
        } catch (error: CraneException) {
            shown.update { it.copy(message = error.message) }
        } catch (_: IOException) {
            shown.update { it.copy(message = "The device could not read or store it. Is there room left?") }
        }
    }
}
