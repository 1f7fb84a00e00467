package dev.crane.android

import android.app.Activity
import android.app.Application
import android.content.ComponentCallbacks2
import dev.crane.Crane
import dev.crane.CraneException
import dev.crane.NewFact
import dev.crane.OpenOptions
import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import sun.misc.Unsafe
import kotlin.time.Duration.Companion.minutes

/** The lifecycle hooks on Android's own `Application`, as far as that runs without a device, and the real runtime. */
class LifecycleTest {
    @TempDir
    lateinit var folder: File

    private val application = Application()
    private val errors = CopyOnWriteArrayList<CraneException>()

    private fun test(test: suspend (Crane, AutoCloseable) -> Unit): Unit = runBlocking {
        Crane.open(OpenOptions(File("models/tiny"), File(folder, "library"))).use { crane ->
            crane.follow(application, errors::add).use { test(crane, it) }
        }
    }

    /** An activity without its constructor, which wants a device's message queue. */
    private fun activity(): Activity {
        val unsafe = Unsafe::class.java.getDeclaredField("theUnsafe").apply { isAccessible = true }.get(null) as Unsafe
        return unsafe.allocateInstance(Activity::class.java) as Activity
    }

    /** Tells whoever is registered, as the application does. */
    private fun tell(event: Application.ActivityLifecycleCallbacks.() -> Unit) {
        val field = Application::class.java.getDeclaredField("mActivityLifecycleCallbacks").apply { isAccessible = true }
        (field.get(application) as List<*>).forEach { (it as Application.ActivityLifecycleCallbacks).event() }
    }

    private fun Activity.starts() = tell { onActivityStarted(this@starts) }

    private fun Activity.stops() = tell { onActivityStopped(this@stops) }

    private suspend fun Crane.isInBackground(): Boolean =
        try {
            addFact(NewFact("A fact."))
            false
        } catch (_: CraneException.Backgrounded) {
            true
        }

    private suspend fun eventually(condition: suspend () -> Boolean) =
        withTimeout(10.minutes) { while (!condition()) delay(1) }

    @Test
    fun `the app is in the background when its last activity is gone`() = test { crane, _ ->
        val (first, second) = activity() to activity()
        first.starts()
        second.starts()
        first.stops()
        assertEquals(false, crane.isInBackground())
        second.stops()
        eventually { crane.isInBackground() }
        second.starts()
        eventually { !crane.isInBackground() }
        assertEquals(emptyList<CraneException>(), errors)
    }

    @Test
    fun `an activity that was there before counts too, and nothing is told after the end`() = test { crane, following ->
        val (before, next) = activity() to activity()
        next.starts()
        before.stops()
        assertEquals(false, crane.isInBackground())
        following.close()
        next.stops()
        assertEquals(false, crane.isInBackground())
    }

    @Test
    fun `memory goes back when the system wants it`() = test { crane, _ ->
        crane.warmUp()
        application.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        eventually { crane.backends().language == null }
        crane.warmUp()
        application.onLowMemory()
        eventually { crane.backends().language == null }
    }

    @Test
    fun `a runtime that was closed is left alone`() = test { crane, _ ->
        crane.shutDown()
        application.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        val activity = activity()
        activity.starts()
        activity.stops()
        delay(50)
        assertEquals(emptyList<CraneException>(), errors)
    }
}
