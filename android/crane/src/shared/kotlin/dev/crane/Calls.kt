package dev.crane

import dev.crane.ffi.ListenerException
import dev.crane.ffi.ProgressListener
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Job
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.job
import kotlinx.coroutines.withContext

/** Blocks a thread of the dispatcher for a call. */
internal suspend fun <T> blocking(dispatcher: CoroutineDispatcher, call: () -> T): T =
    withContext(dispatcher) { typed(call) }

/**
 * Blocks a thread of the dispatcher for work that tells how far it is. It ends early when the coroutine is cancelled, and
 * when [onProgress] throws, which is then thrown here.
 */
internal suspend fun <T> working(
    dispatcher: CoroutineDispatcher,
    onProgress: (Float) -> Unit,
    work: (ProgressListener) -> T,
): T = withContext(dispatcher) {
    val watcher = Watcher(coroutineContext.job, onProgress)
    try {
        typed { work(watcher) }
    } catch (ended: CraneException.Cancelled) {
        ensureActive()
        throw watcher.thrown ?: ended
    }
}

private class Watcher(private val job: Job, private val tell: (Float) -> Unit) : ProgressListener {
    @Volatile
    var thrown: Throwable? = null

    override fun onProgress(share: Float) {
        if (!job.isActive) throw ListenerException.Failed()
        try {
            tell(share)
        } catch (error: Throwable) {
            // It can't cross the border; it waits here until the work has ended.
            thrown = error
            throw ListenerException.Failed()
        }
    }
}
