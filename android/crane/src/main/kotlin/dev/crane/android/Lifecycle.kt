package dev.crane.android

import android.app.Activity
import android.app.Application
import android.content.ComponentCallbacks2
import android.content.res.Configuration
import android.os.Bundle
import dev.crane.Crane
import dev.crane.CraneException
import dev.crane.TrimLevel
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch

/**
 * Tells this runtime of the app's life until what it returns is closed: when its last activity is gone from the screen
 * (`onBackground`), when one is back (`onForeground`), and when the system wants memory (`trimMemory`). The main thread
 * never waits for it.
 *
 * @param onError told, on a thread of its own, of what could not be done; the next change or question is told it again. A
 *   runtime that was closed meanwhile is no error.
 */
public fun Crane.follow(application: Application, onError: (CraneException) -> Unit = {}): AutoCloseable {
    val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    val follower = Follower(this, scope, onError)
    application.registerActivityLifecycleCallbacks(follower)
    application.registerComponentCallbacks(follower)
    return AutoCloseable {
        application.unregisterActivityLifecycleCallbacks(follower)
        application.unregisterComponentCallbacks(follower)
        scope.cancel()
    }
}

/** Knows the activities that are started; called on the main thread, as all of Android's callbacks. */
internal class Follower(
    private val crane: Crane,
    private val scope: CoroutineScope,
    private val onError: (CraneException) -> Unit,
) : Application.ActivityLifecycleCallbacks, ComponentCallbacks2 {
    private val started = HashSet<Activity>()

    /**
     * Where the app stands; a runtime is opened for the foreground. What changes while a call is under way is seen when it
     * ends, and only the latest counts.
     */
    private val visible = MutableStateFlow(true)

    init {
        scope.launch {
            var foreground = true
            visible.collect { now ->
                if (now != foreground) {
                    foreground = now
                    tell { if (now) onForeground() else onBackground() }
                }
            }
        }
    }

    override fun onActivityStarted(activity: Activity) {
        started += activity
        visible.value = true
    }

    override fun onActivityStopped(activity: Activity) {
        // One that was started before anybody followed was never in it.
        started -= activity
        // A turned screen stops an activity and starts it again.
        if (started.isEmpty() && !activity.isChangingConfigurations) visible.value = false
    }

    override fun onTrimMemory(level: Int) {
        trimLevel(level)?.let { scope.launch { tell { trimMemory(it) } } }
    }

    @Deprecated("Android calls onTrimMemory besides")
    override fun onLowMemory() = onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_COMPLETE)

    private suspend fun tell(call: suspend Crane.() -> Unit) {
        try {
            crane.call()
        } catch (_: CraneException.Closed) {
            // There is nothing left to tell.
        } catch (error: CraneException) {
            onError(error)
        }
    }

    override fun onConfigurationChanged(configuration: Configuration) = Unit

    override fun onActivityCreated(activity: Activity, state: Bundle?) = Unit

    override fun onActivityResumed(activity: Activity) = Unit

    override fun onActivityPaused(activity: Activity) = Unit

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit
}

/** What to give back at one of `ComponentCallbacks2`'s levels; null: nothing. */
@Suppress("DEPRECATION") // Devices before Android 14 tell all of them.
internal fun trimLevel(level: Int): TrimLevel? = when {
    // In the background and next to be ended.
    level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND -> TrimLevel.MODELS
    level >= ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL -> TrimLevel.CONTEXT
    level >= ComponentCallbacks2.TRIM_MEMORY_RUNNING_MODERATE -> TrimLevel.PHOTO
    else -> null
}
