import Foundation
import XCTest

@testable import Crane

/// Streams, and what ends a question.
final class AskingTests: CraneTestCase {
    func testAStreamTellsEverythingInOrder() async throws {
        let runtime = try await openWithFact()
        var (kinds, thought, text) = ([String](), "", "")
        var answered: Answer?
        for try await event in runtime.stream(question) {
            switch event {
            case .routed(let route): kinds.append("routed \(route)")
            case .decided(_, let fact): kinds.append("decided \(fact?.statement ?? "")")
            case .thinkDelta(let more): thought += more
            case .answerDelta(let more): text += more
            case .answered(let answer): answered = answer
            }
        }
        XCTAssertEqual(kinds, ["routed text", "decided \(fact.statement)"])
        XCTAssertEqual([answered?.thought, answered?.text], [thought, text])
        XCTAssertEqual(text, "Dufleath")
        XCTAssertEqual(answered?.trace.reply?.cited, true)
    }

    func testCancellingATaskEndsItsQuestion() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        let task = Task { try await runtime.ask(question, alongside: holder.listener) }
        await holder.reached.wait()
        task.cancel()
        holder.goOn.happen()
        do {
            _ = try await task.value
            XCTFail("it was answered")
        } catch is CancellationError {}
        let failure = await holder.failure()
        XCTAssertEqual(failure, .cancelled, "Rust went on")
        try await assertReady(runtime)
    }

    /// The same amid the reply: the task is cancelled by the listener, before anything more can come.
    func testCancellingATaskStopsGeneration() async throws {
        let runtime = try await openWithFact()
        let (task, isThere, heard) = (Box<Task<Answer, any Error>?>(nil), Moment(), Box<[AnswerEvent]>([]))
        let ended = Moment()
        let listener = Listener(
            onEvent: { event in
                heard.update { $0.append(event) }
                guard case .thinkDelta = event else { return }
                isThere.waitBlocking()
                task.update { $0 }?.cancel()
            }, onEnd: { _ in ended.happen() })
        _ = task.swap(Task { try await runtime.ask(question, alongside: listener) })
        isThere.happen()
        await ended.wait()
        do {
            _ = try await task.update { $0 }?.value
            XCTFail("it was answered")
        } catch is CancellationError {}
        XCTAssertEqual(heard.update { $0.count }, 3, "nothing comes after the first piece of thought")
        try await assertReady(runtime)
    }

    func testATaskThatWasCancelledBeforeAsksNothing() async throws {
        let runtime = try await openWithFact()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await runtime.ask(question)
        }
        do {
            _ = try await task.value
            XCTFail("it was answered")
        } catch is CancellationError {}
        try await assertReady(runtime)
    }

    func testLeavingAStreamStopsGeneration() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        do {
            for try await event in runtime.stream(question, alongside: holder.listener) {
                if case .decided = event { break }
            }
        }
        holder.goOn.happen()
        let failure = await holder.failure()
        XCTAssertEqual(failure, .cancelled, "Rust went on")
        try await assertReady(runtime)
    }

    func testDroppingAStreamStopsGeneration() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        var stream: AsyncThrowingStream<AnswerEvent, any Error>? = runtime.stream(question, alongside: holder.listener)
        await holder.reached.wait()
        XCTAssertNotNil(stream)
        stream = nil
        holder.goOn.happen()
        let failure = await holder.failure()
        XCTAssertEqual(failure, .cancelled, "Rust went on")
        try await assertReady(runtime)
    }

    func testCancellingTheTaskThatListensStopsGeneration() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        let listening = Task {
            var answered = false
            for try await event in runtime.stream(question, alongside: holder.listener) {
                if case .answered = event { answered = true }
            }
            return answered
        }
        await holder.reached.wait()
        listening.cancel()
        let answered = try await listening.value
        XCTAssertFalse(answered)
        holder.goOn.happen()
        let failure = await holder.failure()
        XCTAssertEqual(failure, .cancelled, "Rust went on")
        try await assertReady(runtime)
    }

    func testCancellingAfterTheEndDoesNothing() async throws {
        let runtime = try await openWithFact()
        let task = Task { try await runtime.ask(question) }
        let answer = try await task.value
        task.cancel()
        XCTAssertEqual(answer.text, "Dufleath")
        try await assertReady(runtime)
    }

    func testOneOfManyIsCancelledAndTheOthersAreAnswered() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        let others = (0..<4).map { _ in Task { try await runtime.ask(question) } }
        let task = Task { try await runtime.ask(question, alongside: holder.listener) }
        await holder.reached.wait()
        task.cancel()
        holder.goOn.happen()
        let failure = await holder.failure()
        XCTAssertEqual(failure, .cancelled)
        for other in others {
            let answer = try await other.value
            XCTAssertEqual(answer.text, "Dufleath")
        }
    }

    func testClosingDuringGenerationEndsTheQuestion() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        let asking = Task { try await runtime.ask(question, alongside: holder.listener) }
        await holder.reached.wait()
        let closing = Task { try await runtime.close() }
        // Closing waits for the question, and refuses everything else meanwhile.
        while (try? await runtime.facts()) != nil { await Task.yield() }
        holder.goOn.happen()
        await assertThrows(.closed) { try await asking.value }
        try await closing.value
    }

    func testAQuestionOutlivesTheRuntimeItWasAskedOf() async throws {
        var runtime: CraneRuntime? = try await openWithFact()
        let stream = runtime?.stream(question)
        runtime = nil
        var text = ""
        for try await event in try XCTUnwrap(stream) {
            if case .answered(let answer) = event { text = answer.text }
        }
        XCTAssertEqual(text, "Dufleath")
    }

    func testAListenerMayCallBackIn() async throws {
        let runtime = try await openWithFact()
        var heard = 0
        for try await _ in runtime.stream(question) {
            heard += try await runtime.facts().count
        }
        XCTAssertGreaterThan(heard, 3)
    }

    func testAListenerThatThrowsEndsItsQuestionOnly() async throws {
        struct Thrown: Error {}
        let runtime = try await openWithFact()
        let thrower = Listener(onEvent: { _ in throw Thrown() }, onEnd: { _ in })
        await assertThrows(.cancelled) { try await runtime.ask(question, alongside: thrower) }
        try await assertReady(runtime)
    }

    func testMemoryIsGivenBackWhileAQuestionRuns() async throws {
        let runtime = try await openWithFact()
        let holder = Holder()
        let asking = Task { try await runtime.ask(question, alongside: holder.listener) }
        await holder.reached.wait()
        await runtime.trimMemory(.models)
        holder.goOn.happen()
        let answer = try await asking.value
        XCTAssertEqual(answer.text, "Dufleath")
    }

    private func assertReady(_ runtime: CraneRuntime, line: UInt = #line) async throws {
        let answer = try await runtime.ask(question)
        XCTAssertEqual(answer.text, "Dufleath", line: line)
    }
}
