// swift-tools-version:6.0
import PackageDescription

// In a checkout the library is the one that cargo builds for this machine; `cargo xtask dist ios` writes an XCFramework into
// this line, for apps.
let library: Target = .systemLibrary(name: "CraneFFI")

// What the static library in an XCFramework needs of the system.
let apple: BuildSettingCondition = .when(platforms: [.iOS, .macOS])
let linked: [LinkerSetting] =
    [.linkedLibrary("c++", apple)] + ["Accelerate", "Foundation", "Metal", "MetalKit"].map { .linkedFramework($0, apple) }

let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

let package = Package(
    name: "Crane",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Crane", targets: ["Crane"])],
    targets: [
        library,
        .target(name: "CraneBindings", dependencies: ["CraneFFI"], swiftSettings: strict, linkerSettings: linked),
        .target(
            name: "Crane", dependencies: ["CraneBindings"], resources: [.copy("PrivacyInfo.xcprivacy")],
            swiftSettings: strict),
        .testTarget(name: "CraneTests", dependencies: ["Crane"], swiftSettings: strict),
    ],
    // Mode 6 makes the compiler of Swift 6.0 crash on generated code; the checks are the same.
    swiftLanguageModes: [.v5]
)
