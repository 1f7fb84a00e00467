import Foundation
import XCTest

@testable import Crane

/// The repository's root.
let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..").standardized
let models = root.appendingPathComponent("models/tiny")

/// A test with a folder of its own.
class CraneTestCase: XCTestCase {
    private(set) var folder = FileManager.default.temporaryDirectory

    override func setUpWithError() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("crane-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    override func tearDownWithError() throws {
        try FileManager.default.removeItem(at: folder)
    }

    func open() async throws -> CraneRuntime {
        try await CraneRuntime.open(models: models, library: folder.appendingPathComponent("library"))
    }

    /// A runtime that knows who founded Progeal.
    func openWithFact() async throws -> CraneRuntime {
        let runtime = try await open()
        try await runtime.add(fact)
        return runtime
    }
}

let fact = NewFact("Progeal was founded by Dufleath.")
let question = Question("Who is the founder of Progeal?")

/// Expects an error of a kind.
func assertThrows<Value>(
    _ kind: CraneError.Kind, file: StaticString = #filePath, line: UInt = #line, _ work: () async throws -> Value
) async {
    do {
        _ = try await work()
        XCTFail("nothing was thrown", file: file, line: line)
    } catch let error as CraneError {
        XCTAssertEqual(error.kind, kind, error.message, file: file, line: line)
        XCTAssertFalse(error.message.isEmpty, file: file, line: line)
    } catch {
        XCTFail("\(error)", file: file, line: line)
    }
}

/// Waits for what something set off.
func eventually(line: UInt = #line, _ isSo: () async throws -> Bool) async throws {
    let deadline = Date() + 60
    while try await !isSo() {
        guard Date() < deadline else { return XCTFail("it did not come about", line: line) }
        try await Task.sleep(nanoseconds: 5_000_000)
    }
}

/// Something that happens once, in one thread or task, and is waited for in others.
final class Moment: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func happen() { semaphore.signal() }

    /// Blocks; for threads that are not Swift's.
    func waitBlocking() {
        semaphore.wait()
        semaphore.signal()
    }

    func wait() async {
        await call { self.waitBlocking() }
    }
}

/// Hears a question on the question's own thread, and holds it there when it is decided which fact applies, until told to go
/// on. No word of the reply is generated before, so a test knows that something happened in the middle of the question,
/// whatever else the machine was doing.
final class Holder: Sendable {
    let reached = Moment()
    let goOn = Moment()
    let ended = Moment()
    private let end = Box<Result<Answer, CraneError>?>(nil)

    var listener: Listener {
        Listener(
            onEvent: { event in
                guard case .decided = event else { return }
                self.reached.happen()
                self.goOn.waitBlocking()
            },
            onEnd: { end in
                _ = self.end.swap(end)
                self.ended.happen()
            })
    }

    /// What Rust told in the end: nil for an answer.
    func failure() async -> CraneError.Kind? {
        await ended.wait()
        if case .failure(let error) = end.swap(nil) { return error.kind }
        return nil
    }
}

/// A value behind a lock.
final class Box<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func swap(_ new: Value) -> Value {
        lock.withLock {
            defer { value = new }
            return value
        }
    }

    func update<Out>(_ change: (inout Value) throws -> Out) rethrows -> Out {
        try lock.withLock { try change(&value) }
    }
}
