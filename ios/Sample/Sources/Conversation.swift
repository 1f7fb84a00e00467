import Combine
import Crane
import Foundation

/// What the screens show, and what a person does on them.
@MainActor
final class Conversation: ObservableObject {
    @Published var photo: Photo?
    @Published var question = "Whose emblem is this?"
    @Published var failure: String?
    @Published private(set) var thought = ""
    @Published private(set) var text = ""
    @Published private(set) var answer: Answer?
    @Published private(set) var facts: [Fact] = []
    @Published private(set) var isReady = false
    @Published private(set) var isAsking = false

    private let models: URL?
    private let library: URL
    private var runtime: CraneRuntime?
    private var asking: Task<Void, Never>?
    #if canImport(UIKit)
    private var lifecycle: AppLifecycle?
    #endif

    init(
        models: URL? = Bundle.main.url(forResource: "tiny", withExtension: nil),
        library: URL = URL.applicationSupport.appendingPathComponent("library")
    ) {
        self.models = models
        self.library = library
    }

    func open() async {
        guard runtime == nil else { return }
        await trying {
            guard let models else { throw CocoaError(.fileNoSuchFile) }
            let opened = try await CraneRuntime.open(models: models, library: library)
            runtime = opened
            #if canImport(UIKit)
            lifecycle = opened.followApp()
            #endif
            facts = try await opened.facts(states: [.active])
            isReady = true
            // The first answer need not wait for the models then.
            try await opened.warmUp()
        }
    }

    func ask() {
        guard let runtime, !isAsking else { return }
        (thought, text, answer, isAsking) = ("", "", nil, true)
        let question = Question(question, photo: photo)
        asking = Task {
            await trying {
                for try await event in runtime.stream(question) {
                    switch event {
                    case .routed, .decided: break
                    case .thinkDelta(let more): thought += more
                    case .answerDelta(let more): text += more
                    case .answered(let answer): self.answer = answer
                    }
                }
            }
            isAsking = false
        }
    }

    /// Ends the question; what was said so far stays.
    func stop() async {
        asking?.cancel()
        await asking?.value
    }

    /// What the person says instead of the answer. A correction of the same thing is replaced.
    func correct(statement: String, target: String) async {
        guard let runtime else { return }
        await trying {
            let fact = NewFact(statement, target: target.isEmpty ? nil : target, photos: photo.map { [$0] } ?? [])
            let old = try await runtime.conflicts(with: fact).map(\.fact)
            _ = old.isEmpty ? try await runtime.add(fact) : try await runtime.supersede(old, with: fact)
            facts = try await runtime.facts(states: [.active])
        }
    }

    func undo() async {
        await change { try await $0.undo() }
    }

    func forget(_ fact: Fact) async {
        await change { try await $0.forget(fact.id) }
    }

    func close() async {
        await trying { try await runtime?.close() }
    }

    private func change<Value: Sendable>(_ work: (CraneRuntime) async throws -> Value) async {
        guard let runtime else { return }
        await trying {
            _ = try await work(runtime)
            facts = try await runtime.facts(states: [.active])
        }
    }

    /// Errors of the runtime say what happened and what to do; a cancelled question is none.
    private func trying(_ work: () async throws -> Void) async {
        do {
            try await work()
        } catch is CancellationError {
        } catch {
            failure = error.localizedDescription
        }
    }
}

extension URL {
    /// Where an app keeps what is its own; `URL.applicationSupportDirectory` may not exist yet.
    static var applicationSupport: URL {
        FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
    }
}
