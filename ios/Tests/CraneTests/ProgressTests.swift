import Foundation
import XCTest

@testable import Crane

/// Work that tells how far it is, and is ended.
final class ProgressTests: CraneTestCase {
    func testCancellingATaskEndsItsWork() async throws {
        let runtime = try await openWithFact()
        let file = folder.appendingPathComponent("facts.cranepack")
        let (task, isThere) = (Box<Task<ExportReport, any Error>?>(nil), Moment())
        let exporting = Task {
            try await runtime.exportPack(to: file) { _ in
                isThere.waitBlocking()
                task.update { $0 }?.cancel()
            }
        }
        _ = task.swap(exporting)
        isThere.happen()
        do {
            _ = try await exporting.value
            XCTFail("it was exported")
        } catch is CancellationError {}
        XCTAssertFalse(FileManager.default.fileExists(atPath: file.path))
        try await runtime.exportPack(to: file)
        let facts = try await CraneRuntime.facts(ofPack: file)
        XCTAssertEqual(facts.map(\.statement), [fact.statement])
    }

    func testATaskThatWasCancelledBeforeDoesNothing() async throws {
        let runtime = try await openWithFact()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await runtime.warmUp()
        }
        do {
            try await task.value
            XCTFail("it was warmed up")
        } catch is CancellationError {}
    }

    func testWhatAListenerThrowsIsThrown() async throws {
        struct Enough: Error {}
        let runtime = try await openWithFact()
        try await runtime.close()
        let library = try FactLibrary(folder.appendingPathComponent("library"))
        do {
            _ = try await library.check { _ in throw Enough() }
            XCTFail("it was checked")
        } catch is Enough {}
        let report = try await library.check()
        XCTAssertEqual(report.findings, [])
    }

    func testAListenerMayCallBackInAndChangesNothing() async throws {
        let runtime = try await openWithFact()
        let (file, heard) = (folder.appendingPathComponent("facts.cranepack"), Box<[CraneError.Kind?]>([]))
        try await runtime.exportPack(to: file) { _ in
            _ = try runtime.native.facts(filter: .init())
            let refused = Result { try typed { try runtime.native.undo() } }
            heard.update { $0.append((refused.failure as? CraneError)?.kind) }
        }
        XCTAssertEqual(Set(heard.update { $0 }), [.invalidInput])
    }

    func testClosingEndsAnExport() async throws {
        let runtime = try await openWithFact()
        let file = folder.appendingPathComponent("facts.cranepack")
        await assertThrows(.closed) { try await runtime.exportPack(to: file) { _ in try runtime.native.shutDown() } }
        XCTAssertFalse(FileManager.default.fileExists(atPath: file.path))
    }

    func testKeysThatAreNoneAreTypedErrors() async throws {
        await assertThrows(.invalidInput) { try CraneRuntime.publicKey(of: "no key") }
        await assertThrows(.invalidInput) { try FactLibrary(folder, key: "no key") }
        await assertThrows(.notFound) { try await CraneRuntime.facts(ofPack: folder.appendingPathComponent("nowhere")) }
        let key = try CraneRuntime.generateSigningKey()
        let publicKey = try CraneRuntime.publicKey(of: key)
        XCTAssertTrue(key.hasPrefix("cranesec1:") && publicKey.hasPrefix("cranepub1:"))
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
