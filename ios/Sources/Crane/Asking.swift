import CraneBindings
import Foundation

extension CraneRuntime {
    /// Answers a question. Cancelling the task stops generation and throws `CancellationError`.
    ///
    /// Throws a ``CraneError``: `invalidInput` for a question that is empty or too long, `unsupportedImage`,
    /// `contextOverflow`, `backgrounded`, `closed`.
    public func ask(_ question: Question) async throws -> Answer {
        try await ask(question, alongside: nil)
    }

    /// `other` hears everything as well, on the question's own thread, which tests hold there.
    func ask(_ question: Question, alongside other: Listener?) async throws -> Answer {
        let asking = Asking()
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let listener = Listener(
                        onEvent: { try other?.onEvent($0) },
                        onEnd: { end in
                            other?.onEnd(end)
                            continuation.resume(with: end)
                        })
                    asking.begin(native, question, listener)
                }
            } onCancel: {
                asking.cancel()
            }
        } catch let error as CraneError where error.kind == .cancelled && Task.isCancelled {
            throw CancellationError()
        }
    }

    /// Answers a question and tells what happens meanwhile; the last element is ``AnswerEvent/answered(_:)``. The question
    /// begins at once. Leaving the loop, dropping the stream or cancelling the task that iterates stops generation.
    ///
    ///     for try await event in runtime.stream(Question("Whose emblem is this?", photo: photo)) {
    ///         if case .answerDelta(let text) = event { print(text, terminator: "") }
    ///     }
    ///
    /// Throws as ``ask(_:)`` does, while it is iterated over. As with every `AsyncThrowingStream`, the loop of a cancelled task
    /// just ends.
    public func stream(_ question: Question) -> AsyncThrowingStream<AnswerEvent, any Error> {
        stream(question, alongside: nil)
    }

    /// `other` hears everything as well, on the question's own thread, also when nobody listens to the stream any more.
    func stream(_ question: Question, alongside other: Listener?) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let asking = Asking()
            // Keeps the question alive for as long as somebody may listen.
            continuation.onTermination = { _ in asking.cancel() }
            let listener = Listener(
                onEvent: { event in
                    continuation.yield(event)
                    try other?.onEvent(event)
                },
                onEnd: { end in
                    other?.onEnd(end)
                    continuation.yield(with: end.map(AnswerEvent.answered).mapError { $0 })
                    continuation.finish()
                })
            asking.begin(native, question, listener)
        }
    }
}

/// A question under way, which may be cancelled before it has begun. Dropping it cancels.
final class Asking: @unchecked Sendable {
    // Everything that changes is behind the lock.
    private let lock = NSLock()
    private var task: AnswerTask?
    private var isCancelled = false

    /// Asks, and tells the listener also when that fails.
    func begin(_ crane: CraneBindings.Crane, _ question: Question, _ listener: Listener) {
        do {
            let begun = try crane.ask(question: question.native(), listener: listener)
            let late = lock.withLock {
                task = begun
                return isCancelled
            }
            if late { begun.cancel() }
        } catch {
            listener.onEnd(.failure(CraneError(error)))
        }
    }

    func cancel() {
        let begun = lock.withLock {
            isCancelled = true
            return task
        }
        begun?.cancel()
    }
}

/// Hands over what Rust tells, on the question's own thread. It holds no reference to the question, so that dropping the
/// question cancels it.
final class Listener: AnswerListener {
    /// What it throws ends the question with `cancelled`.
    typealias OnEvent = @Sendable (AnswerEvent) throws -> Void
    typealias OnEnd = @Sendable (Result<Answer, CraneError>) -> Void

    let onEvent: OnEvent
    let onEnd: OnEnd

    init(onEvent: @escaping OnEvent, onEnd: @escaping OnEnd) {
        self.onEvent = onEvent
        self.onEnd = onEnd
    }

    func onEvent(event: CraneBindings.AnswerEvent) throws { try onEvent(AnswerEvent(event)) }
    func onAnswer(answer: Answer) { onEnd(.success(answer)) }
    func onError(error: CraneBindings.CraneError) { onEnd(.failure(CraneError(error))) }
}
