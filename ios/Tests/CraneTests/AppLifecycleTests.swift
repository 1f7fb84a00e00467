import Foundation
import XCTest

@testable import Crane

/// Notifications as UIKit posts them, from a center of our own.
final class AppLifecycleTests: CraneTestCase {
    private let center = NotificationCenter()
    private let names = AppLifecycle.Names(
        background: .init("background"), foreground: .init("foreground"), memory: .init("memory"))

    func testTheBackgroundTheForegroundAndMemoryWarnings() async throws {
        let runtime = try await openWithFact()
        try await runtime.warmUp()
        let groups = Box<[DispatchGroup]>([])
        var lifecycle: AppLifecycle? = AppLifecycle(runtime.native, center, names) { done in
            groups.update { $0.append(done) }
        }

        center.post(name: names.background, object: nil)
        let done = try XCTUnwrap(groups.update { $0.first })
        await call { done.wait() }
        await assertThrows(.backgrounded) { try await runtime.undo() }

        center.post(name: names.foreground, object: nil)
        try await eventually { (try? await runtime.undo()) != nil }

        center.post(name: names.memory, object: nil)
        try await eventually { await runtime.backends().language == nil }

        XCTAssertNotNil(lifecycle)
        lifecycle = nil
        center.post(name: names.background, object: nil)
        XCTAssertEqual(groups.update { $0.count }, 1, "nobody listens any more")
        try await runtime.redo()
    }

    func testAFastReturnEndsInTheForeground() async throws {
        let runtime = try await open()
        let lifecycle = AppLifecycle(runtime.native, center, names) { _ in }
        for _ in 0..<20 {
            center.post(name: names.background, object: nil)
            center.post(name: names.foreground, object: nil)
        }
        try await eventually { (try? await runtime.add(fact)) != nil }
        withExtendedLifetime(lifecycle) {}
    }

    func testAClosedRuntimeDoesNotMind() async throws {
        let runtime = try await open()
        let groups = Box<[DispatchGroup]>([])
        let lifecycle = AppLifecycle(runtime.native, center, names) { done in groups.update { $0.append(done) } }
        try await runtime.close()
        withExtendedLifetime(lifecycle) { center.post(name: names.background, object: nil) }
        let done = try XCTUnwrap(groups.update { $0.first })
        await call { done.wait() }
    }
}
