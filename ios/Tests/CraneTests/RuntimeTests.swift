import Foundation
import XCTest

import struct CraneBindings.FactFilter
import func CraneBindings.errorCodes
import func CraneBindings.version

@testable import Crane

/// What is the wrapper's own: errors, values, threads.
final class RuntimeTests: CraneTestCase {
    func testEveryKindHasTheLibrarysNumber() {
        let kinds = CraneError.Kind.allCases.map { ("\($0)".capitalizedFirst, $0.rawValue) }
        XCTAssertEqual(Dictionary(uniqueKeysWithValues: kinds), errorCodes())
        XCTAssertEqual(CraneRuntime.version, version())
    }

    func testErrorsReadWell() async throws {
        let runtime = try await open()
        do {
            _ = try await runtime.fact("no id")
            XCTFail("it was found")
        } catch let error as CraneError where error.kind == .invalidInput {
            XCTAssertEqual(error.localizedDescription, error.message)
            XCTAssertEqual("\(error)", "invalidInput: \(error.message)")
        }
        struct Panic: Error {}
        XCTAssertEqual(CraneError(Panic()).kind, .internal)
    }

    func testNumbersOutOfRangeAreTypedErrors() async throws {
        let runtime = try await open()
        await assertThrows(.invalidInput) { try await runtime.facts(offset: -1) }
        await assertThrows(.invalidInput) { try await runtime.facts(limit: .max) }
        await assertThrows(.invalidInput) { try await runtime.search("fact", limit: -1) }
        await assertThrows(.invalidInput) { try await runtime.history(limit: -1) }
        await assertThrows(.invalidInput) { try await runtime.ask(Question("What?", thoughtTokens: -1)) }
        await assertThrows(.invalidInput) { try await runtime.ask(Question("What?", answerTokens: .max)) }
        await assertThrows(.invalidInput) { try await runtime.ask(Question("What?", temperature: .nan)) }
        let changes: [(inout OpenOptions) -> Void] = [
            { $0.threads = 0 }, { $0.threads = -1 }, { $0.gpuLayers = -1 }, { $0.idleUnload = -1 }, { $0.idleUnload = .nan },
            { $0.idleUnload = .infinity }, { $0.embeddingCacheBytes = -1 }, { $0.memoryBudget = -1 },
        ]
        for change in changes {
            var options = OpenOptions()
            change(&options)
            let library = folder.appendingPathComponent("other")
            await assertThrows(.invalidInput) {
                try await CraneRuntime.open(models: models, library: library, options: options)
            }
        }
    }

    func testHugeTextsAreTypedErrors() async throws {
        let runtime = try await open()
        let huge = String(repeating: "🦩 ", count: 1_000_000)
        await assertThrows(.invalidInput) { try await runtime.ask(Question(huge)) }
        await assertThrows(.invalidInput) { try await runtime.preview(Question(huge)) }
        await assertThrows(.invalidInput) { try await runtime.add(NewFact(huge)) }
        await assertThrows(.invalidInput) { try await runtime.fact(huge) }
        await assertThrows(.invalidInput) { try await runtime.search(huge) }
        let facts = try await runtime.facts()
        XCTAssertEqual(facts, [])
    }

    func testWhatSwiftCanSayInAStringIsKept() async throws {
        let runtime = try await open()
        let words = "Progeal \u{202E}founded\u{301} 🏴󠁧󠁢󠁳󠁣󠁴󠁿 by <answer> Dufleath.\u{FFFD}"
        let added = try await runtime.add(NewFact(words))
        XCTAssertEqual(Array(added.statement.utf8), Array(words.utf8))
        await assertThrows(.invalidInput) { try await runtime.add(NewFact("A NUL: \u{0}.")) }
    }

    func testUseAfterCloseIsATypedError() async throws {
        let runtime = try await openWithFact()
        try await runtime.close()
        try await runtime.close()
        await assertThrows(.closed) { try await runtime.ask(question) }
        await assertThrows(.closed) { for try await _ in runtime.stream(question) {} }
        await assertThrows(.closed) { try await runtime.facts() }
        await assertThrows(.closed) { try await runtime.add(fact) }
        await runtime.trimMemory()
        let backends = await runtime.backends()
        XCTAssertNil(backends.language)
    }

    func testARuntimeThatIsDroppedGivesTheLibraryBack() async throws {
        _ = try await openWithFact()
        try await eventually {
            do { return try await open().facts().map(\.statement) == [fact.statement] } catch let error as CraneError {
                XCTAssertEqual(error.kind, .libraryLocked)
                return false
            }
        }
    }

    func testManyTasksAtOnce() async throws {
        let runtime = try await openWithFact()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<64 {
                group.addTask {
                    switch n % 4 {
                    case 0: try await runtime.add(NewFact("A fact of number \(n)."))
                    case 1: _ = try await runtime.facts()
                    case 2: _ = try await runtime.preview(question)
                    default: _ = try await runtime.search("number")
                    }
                }
            }
            for _ in 0..<8 {
                group.addTask {
                    let answer = try await runtime.ask(question)
                    XCTAssertEqual(answer.text, "Dufleath")
                }
            }
            try await group.waitForAll()
        }
        let facts = try await runtime.facts()
        XCTAssertEqual(facts.count, 17)
    }

    func testCallsThatBlockLeaveSwiftsThreadsFree() async {
        let goOn = Moment()
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let blocked = (0..<cores).map { _ in Task { await call { goOn.waitBlocking() } } }
        let ran = expectation(description: "another task runs meanwhile")
        Task.detached { ran.fulfill() }
        await fulfillment(of: [ran], timeout: 60)
        goOn.happen()
        for task in blocked { await task.value }
    }

    func testNobodysWordsAreInDescriptions() async throws {
        let runtime = try await open()
        let secret = "Dufleath"
        var options = OpenOptions()
        options.key = secret
        let told = NewFact("Progeal was founded by \(secret).", subject: secret, photos: [Photo(Data(secret.utf8))])
        let asked = Question("Is it \(secret)?")
        let stored = try await runtime.add(NewFact("Progeal was founded by \(secret)."))
        let answer = try await runtime.ask(question)
        XCTAssertEqual(answer.text, secret)
        let preview = try await runtime.preview(question)
        let events: [AnswerEvent] = [
            .thinkDelta(secret), .answerDelta(secret), .decided(answer.trace.decision, stored), .answered(answer),
        ]
        let values: [Any] = [
            options, told, told.native, asked, try asked.native(), stored, answer, preview, events, Optional(stored) as Any,
            ["fact": stored], try options.native(models: models, library: folder), told.photos,
            FactFilter(subject: secret),
        ]
        for value in values {
            var dumped = ""
            dump(value, to: &dumped)
            for words in ["\(value)", String(reflecting: value), dumped] {
                XCTAssertFalse(words.contains(secret), "\(type(of: value)) tells")
                XCTAssertFalse(words.isEmpty)
            }
        }
        XCTAssertEqual("\(stored)", "Fact(…)")
    }

    func testPhotos() async throws {
        let runtime = try await open()
        let file = models.appendingPathComponent("demo/gate.jpg")
        let photo = try Photo(contentsOf: file)
        XCTAssertEqual(photo, Photo(try Data(contentsOf: file)))
        XCTAssertTrue(Photo.isReadAsItIs(photo.data))
        for name in ["plain.png", "animated.webp"] {
            let data = try Data(contentsOf: root.appendingPathComponent("tests/data").appendingPathComponent(name))
            XCTAssertTrue(Photo.isReadAsItIs(data), name)
        }
        for data in [Data(), Data([0xFF]), Data("RIFF....WAVE".utf8), Data("GIF89a".utf8), Data("....ftypheic".utf8)] {
            XCTAssertFalse(Photo.isReadAsItIs(data))
            await assertThrows(.unsupportedImage) { try await runtime.preview(Question("What?", photo: Photo(data))) }
        }
        // A slice, whose indices don't begin at 0.
        XCTAssertTrue(Photo.isReadAsItIs((Data(count: 5) + photo.data).dropFirst(5)))
        XCTAssertThrowsError(try Photo(contentsOf: folder.appendingPathComponent("nowhere.jpg")))
        let added = try await runtime.add(NewFact("This emblem belongs to Theaprairk.", photos: [photo]))
        XCTAssertEqual(added.imageKeys, 1)
    }

    func testTimes() async throws {
        let runtime = try await open()
        let (begin, end) = (Date(timeIntervalSince1970: -1.5), Date(timeIntervalSince1970: 4_000_000_000.25))
        let added = try await runtime.add(NewFact("A fact.", validFrom: begin, validUntil: end))
        XCTAssertEqual([added.validSince, added.validBefore], [begin, end])
        XCTAssertEqual(added.created.timeIntervalSinceNow, 0, accuracy: 3600)
        XCTAssertGreaterThanOrEqual(added.updated, added.created)
        let entry = try await runtime.history().first
        XCTAssertEqual(entry?.date, added.created)
        let holding = try await runtime.facts(validAt: begin)
        XCTAssertEqual(holding.map(\.id), [added.id])
        let before = try await runtime.facts(validAt: begin - 1)
        XCTAssertEqual(before, [])
        XCTAssertEqual(
            [Date.distantPast, .distantFuture].map { Date(milliseconds: $0.milliseconds) }, [.distantPast, .distantFuture])
        XCTAssertEqual(Date(timeIntervalSince1970: .infinity).milliseconds, .max)
        XCTAssertEqual(Date(timeIntervalSince1970: -1e300).milliseconds, .min)
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
