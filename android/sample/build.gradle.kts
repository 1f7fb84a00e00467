import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
}

// The small models of this repository travel in the app; those of a real app are large and downloaded.
val models = tasks.register<Sync>("models") {
    from(rootDir.resolve("../models/tiny")) { exclude("README.md", "demo") }
    into(layout.buildDirectory.dir("assets/models"))
}

android {
    namespace = "dev.crane.sample"
    compileSdk = 36
    defaultConfig {
        applicationId = "dev.crane.sample"
        minSdk = 28
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            signingConfig = signingConfigs["debug"]
        }
    }
    sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("assets"))
    buildFeatures { compose = true }
    // Models are copied out of the app at its first start; compressed they would take longer and save little.
    androidResources { noCompress += listOf("gguf", "onnx") }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
}

kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_11 } }

tasks.named("preBuild") { dependsOn(models) }

dependencies {
    implementation(project(":crane"))
    implementation(libs.coroutines.android)
    implementation(platform(libs.compose.bom))
    implementation(libs.compose.material3)
    implementation(libs.activity.compose)
    implementation(libs.core.ktx)
    // Encoders run on it where it is there, and on tract where it is not. Its library is found by name.
    implementation(libs.onnxruntime.android)
}
