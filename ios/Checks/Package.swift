// swift-tools-version:6.0
import PackageDescription

// What only Apple's platforms can run, type-checked on Linux: the package and the sample app are compiled against stubs of
// Apple's frameworks, and the sample's model is tested. `cargo xtask test-swift` does it.
let stubs = ["Combine", "CoreGraphics", "ImageIO", "UIKit", "AppKit", "os", "SwiftUI", "PhotosUI"]
let uses = [
    "ImageIO": ["CoreGraphics"], "UIKit": ["CoreGraphics"], "AppKit": ["CoreGraphics"], "SwiftUI": ["Combine", "UIKit"],
    "PhotosUI": ["SwiftUI"],
]
let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

let package = Package(
    name: "Checks",
    platforms: [.macOS(.v13)],
    targets: stubs.map { stub in
        .target(name: stub, dependencies: (uses[stub] ?? []).map { .init(stringLiteral: $0) }, path: "Stubs/\(stub)")
    } + [
        .systemLibrary(name: "CraneFFI", path: "Sources/CraneFFI"),
        .target(name: "CraneBindings", dependencies: ["CraneFFI"], path: "Sources/CraneBindings", swiftSettings: strict),
        .target(
            name: "Crane", dependencies: ["CraneBindings", "UIKit", "AppKit", "ImageIO", "os"], path: "Sources/Crane",
            exclude: ["PrivacyInfo.xcprivacy"], swiftSettings: strict),
        .executableTarget(
            name: "Sample", dependencies: ["Crane", "Combine", "SwiftUI", "PhotosUI"], path: "Sample", swiftSettings: strict),
        .testTarget(name: "SampleTests", dependencies: ["Sample"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v5]
)
