package dev.crane

import java.io.File
import kotlinx.coroutines.runBlocking

/** The repository's root, where the tests are run. */
internal val ROOT = File("").absoluteFile
internal val MODELS = File(ROOT, "models/tiny")
internal val GATE = File(MODELS, "demo/gate.jpg").readBytes()

internal fun question() = Question("Whose emblem is this?", GATE)

internal fun emblem() =
    NewFact("This emblem belongs to Theaprairk.", subject = "this emblem", target = "Theaprairk", images = listOf(GATE))

/** Runs a test with a runtime over an empty library of its own, which is closed afterwards. */
internal fun withCrane(folder: File, test: suspend (Crane) -> Unit) = runBlocking {
    Crane.open(OpenOptions(MODELS, File(folder, "library"))).use { test(it) }
}
