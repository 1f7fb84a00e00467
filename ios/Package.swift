// swift-tools-version:6.0
import PackageDescription

// In a checkout the library is the one that cargo builds for this machine; `cargo xtask dist ios` puts an XCFramework in its
// place, for apps.
let library: Target = .systemLibrary(name: "CraneFFI")

let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

let package = Package(
    name: "Crane",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Crane", targets: ["Crane"])],
    targets: [
        library,
        .target(name: "CraneBindings", dependencies: ["CraneFFI"], swiftSettings: strict),
        .target(name: "Crane", dependencies: ["CraneBindings"], swiftSettings: strict),
        .testTarget(name: "CraneTests", dependencies: ["Crane"], swiftSettings: strict),
    ],
    // Mode 6 makes the compiler of Swift 6.0 crash on generated code; the checks are the same.
    swiftLanguageModes: [.v5]
)
