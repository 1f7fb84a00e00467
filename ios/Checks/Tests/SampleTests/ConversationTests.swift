import Crane
import Foundation
import XCTest

@testable import Sample

/// The sample app's story, without its screens: ask, correct, ask again, undo, forget.
@MainActor
final class ConversationTests: XCTestCase {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../..")
        .standardized

    func testTheSamplesStory() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("crane-\(UUID().uuidString)")
        let conversation = Conversation(models: root.appendingPathComponent("models/tiny"), library: folder)
        await conversation.open()
        XCTAssertTrue(conversation.isReady)

        conversation.photo = try Photo(contentsOf: root.appendingPathComponent("models/tiny/demo/gate.jpg"))
        let before = await ask(conversation)
        XCTAssertNotEqual(before, "Theaprairk")

        await conversation.correct(statement: "This emblem belongs to Theaprairk.", target: "Theaprairk")
        let after = await ask(conversation)
        XCTAssertEqual(after, "Theaprairk")
        XCTAssertEqual(conversation.answer?.fact?.statement, "This emblem belongs to Theaprairk.")
        XCTAssertFalse(conversation.thought.isEmpty)

        await conversation.correct(statement: "This emblem belongs to Dufleath.", target: "Dufleath")
        XCTAssertEqual(conversation.facts.map(\.target), ["Dufleath"], "the old correction is replaced")
        let replaced = await ask(conversation)
        XCTAssertEqual(replaced, "Dufleath")

        await conversation.undo()
        XCTAssertEqual(conversation.facts.map(\.target), ["Theaprairk"])

        await conversation.forget(conversation.facts[0])
        XCTAssertEqual(conversation.facts, [])
        let forgotten = await ask(conversation)
        XCTAssertEqual(forgotten, before)
        XCTAssertNil(conversation.failure)

        conversation.ask()
        await conversation.stop()
        XCTAssertFalse(conversation.isAsking)
        XCTAssertNil(conversation.failure)

        await conversation.correct(statement: "", target: "")
        XCTAssertNotNil(conversation.failure)
        await conversation.close()
        try FileManager.default.removeItem(at: folder)
    }

    func testMissingModelsAreTold() async {
        let conversation = Conversation(models: nil)
        await conversation.open()
        XCTAssertFalse(conversation.isReady)
        XCTAssertNotNil(conversation.failure)
    }

    private func ask(_ conversation: Conversation) async -> String {
        conversation.ask()
        while conversation.isAsking { await Task.yield() }
        return conversation.text
    }
}
