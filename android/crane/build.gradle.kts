import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
}

group = "dev.crane"
version = "0.1.0"

// `cargo xtask dist android` makes both before it starts Gradle.
val target = rootDir.resolve("../target")
val bindings = target.resolve("bindings/kotlin")
val libraries = target.resolve("android/jniLibs")

android {
    namespace = "dev.crane"
    compileSdk = 36
    defaultConfig {
        // llama.cpp's build and ImageDecoder need Android 9.
        minSdk = 28
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    sourceSets["main"].apply {
        kotlin.srcDir("src/shared/kotlin")
        kotlin.srcDir(bindings)
        jniLibs.srcDir(libraries)
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    lint {
        // uniffi asks for java.lang.ref.Cleaner by name, and has another way where there is none.
        disable += "NewApi"
    }
    publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_11 } }

dependencies {
    api(libs.coroutines.core)
    // The variant that brings its own native library for Android.
    implementation(variantOf(libs.jna) { artifactType("aar") })
}

val checkGenerated = tasks.register("checkGenerated") {
    val made = listOf(bindings.resolve("dev/crane/ffi/crane.kt")) +
        listOf("arm64-v8a", "x86_64").map { libraries.resolve("$it/libcrane_ffi.so") }
    doLast {
        val missing = made.filterNot { it.isFile }
        check(missing.isEmpty()) { "run `cargo xtask dist android` first: it makes ${missing.joinToString()}" }
    }
}

tasks.named("preBuild") { dependsOn(checkGenerated) }
