package dev.crane.android

import android.app.ActivityManager
import android.content.Context
import dev.crane.OpenOptions
import java.io.File
import java.io.IOException
import java.io.InputStream
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** One copy at a time: two would write the same files. */
private val installing = Mutex()

/**
 * Copies a model bundle out of the app's assets, where it can't be opened, and returns its folder. That is done once for
 * each version of the app; later calls return at once. Large bundles are better downloaded, and checked, by the app.
 *
 * @param assets the bundle's folder below the app's assets, in which `bundle.toml` is
 * @throws IOException there is no such bundle, or no room for it
 */
public suspend fun Context.installModels(
    assets: String = "models",
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
): File = installing.withLock {
    withContext(dispatcher) {
        val version = packageManager.getPackageInfo(packageName, 0).lastUpdateTime.toString()
        val manager = this@installModels.assets
        install(File(noBackupFilesDir, "crane"), assets, version, { manager.list(it).orEmpty() }, manager::open)
    }
}

/** Makes `ROOT/NAME` a copy of the folder NAME, unless it is one of this version. */
internal fun install(
    root: File,
    name: String,
    version: String,
    list: (String) -> Array<out String>,
    open: (String) -> InputStream,
): File {
    val folder = File(root, name)
    val stamp = File(folder, ".version")
    if (stamp.isFile && stamp.readText() == version) return folder
    // Complete before it has its name, and the stamp with it: what is interrupted is done again.
    val fresh = File(root, "$name.new")
    fresh.deleteRecursively()
    fun copy(from: String, to: File) {
        val names = list(from)
        // Assets have no empty folders, and a file lists nothing.
        if (names.isEmpty()) {
            open(from).use { input -> to.outputStream().use(input::copyTo) }
        } else {
            if (!to.mkdirs()) throw IOException("no folder could be made for the models")
            names.forEach { copy("$from/$it", File(to, it)) }
        }
    }
    copy(name, fresh)
    File(fresh, stamp.name).writeText(version)
    folder.deleteRecursively()
    if (!fresh.renameTo(folder)) throw IOException("the models could not be put into their folder")
    return folder
}

/**
 * Options as they suit an app: facts in its own files, which Android backs up; what is remembered of crashed GPUs in files
 * that it doesn't; and the memory that the device has left now, less what the system wants to keep.
 *
 * @param models as [installModels] returns it
 * @param key of an encrypted library, which the app keeps in the Android Keystore
 */
public fun Context.craneOptions(
    models: File,
    library: File = File(filesDir, "crane/library"),
    key: String? = null,
): OpenOptions {
    val memory = ActivityManager.MemoryInfo()
    (getSystemService(Context.ACTIVITY_SERVICE) as ActivityManager).getMemoryInfo(memory)
    return OpenOptions(
        models = models,
        library = library,
        key = key,
        memoryBudget = (memory.availMem - memory.threshold).coerceAtLeast(0),
        state = File(noBackupFilesDir, "crane/state"),
    )
}
