package dev.crane.contract

import dev.crane.ROOT
import java.io.File
import java.nio.file.Files
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** The contract (`tests/contract`) through this library. */
class ContractTest {
    @TestFactory
    fun contract(): List<DynamicTest> {
        val scripts = File(ROOT, "tests/contract").listFiles { file -> file.extension == "json" }.orEmpty().sorted()
        assertTrue(scripts.isNotEmpty())
        return scripts.map { script -> DynamicTest.dynamicTest(script.nameWithoutExtension) { run(script) } }
    }

    private fun run(script: File) {
        val steps = Json.parseToJsonElement(script.readText()).jsonObject.getValue("steps").jsonArray
        val folder = Files.createTempDirectory("crane").toFile()
        try {
            Script(Steps(folder)).use { run ->
                steps.forEachIndexed { at, step -> run.step("${script.name}, step ${at + 1}", step as JsonObject) }
            }
        } finally {
            folder.deleteRecursively()
        }
    }
}
