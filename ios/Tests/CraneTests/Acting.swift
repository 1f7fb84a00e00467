import Foundation

@testable import Crane

/// A question whose listener does what a step wants done at an event.
final class Acting: Sendable {
    let events = Box<[AnswerEvent]>([])
    let end = Box<Result<Answer, CraneError>?>(nil)
    let ended = Moment()
    private let at: String
    private let then: String
    private let runtime: CraneRuntime
    private let asking = Asking()
    private let hasBegun = Moment()

    init(at: String, then: String, runtime: CraneRuntime) {
        self.at = at
        self.then = then
        self.runtime = runtime
    }

    func begin(_ question: Question) {
        let listener = Listener(
            onEvent: { event in
                self.events.update { $0.append(event) }
                if kind(event) == self.at { try self.act() }
            },
            onEnd: { end in
                _ = self.end.swap(end)
                self.ended.happen()
            })
        asking.begin(runtime.native, question, listener)
        hasBegun.happen()
    }

    private func act() throws {
        switch then {
        case "cancel": cancel()
        case "cancel_elsewhere":
            let cancelled = Moment()
            Thread.detachNewThread {
                self.cancel()
                cancelled.happen()
            }
            cancelled.waitBlocking()
        case "close": try runtime.native.shutDown()
        case "list": _ = try runtime.native.facts(filter: .init())
        default: throw ScriptError("thrown on purpose")
        }
    }

    private func cancel() {
        hasBegun.waitBlocking()
        asking.cancel()
    }
}
