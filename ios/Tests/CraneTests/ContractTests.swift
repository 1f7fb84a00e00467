import Foundation
import XCTest

@testable import Crane

/// The contract (`tests/contract`) through this package.
final class ContractTests: CraneTestCase {
    func testEveryScript() async throws {
        let folder = root.appendingPathComponent("tests/contract")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        let scripts = files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        XCTAssertFalse(scripts.isEmpty)
        for file in scripts {
            let script = try JSONDecoder().decode(JSON.self, from: Data(contentsOf: file))
            let name = file.deletingPathExtension().lastPathComponent
            let own = self.folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
            let runner = Runner(script: name, folder: own)
            for step in script["steps"]?.items ?? [] {
                try await runner.run(step)
            }
            let skipped = await runner.skipped.sorted { $0.key < $1.key }.map { ", \($0.value) skipped that need \($0.key)" }
            print("contract: \(name): \(script["steps"]?.items.count ?? 0) steps\(skipped.joined())")
        }
    }
}

/// What is wrong with a script, or with this runner.
struct ScriptError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Runs the steps of one script.
actor Runner {
    private let script: String
    let folder: URL
    private var runtime: CraneRuntime?
    private var ids: [String: String] = [:]
    private var names: [String: String] = [:]
    /// How many steps were skipped that need something, which Swift can't say or this build hasn't.
    private(set) var skipped: [String: Int] = [:]

    init(script: String, folder: URL) {
        self.script = script
        self.folder = folder
    }

    func run(_ step: JSON) async throws {
        let can = CraneRuntime.hasEncryption ? "encryption" : "no_encryption"
        if let needs = step["needs"]?.string, needs != can {
            skipped[needs, default: 0] += 1
            return
        }
        if step["do"]?.string == "parallel" {
            return try await parallel(step)
        }
        let outcome: [String: JSON]
        do {
            outcome = try await perform(step)
        } catch let error as CraneError {
            XCTAssertFalse(error.message.isEmpty)
            outcome = ["error": .text(snake("\(error.kind)")), "code": .number(Double(error.kind.rawValue))]
        }
        let expect = step["expect"]?.members ?? [:]
        XCTAssertEqual(outcome["error"], expect["error"], "\(script): \(step) yields \(outcome)")
        for (key, value) in expect {
            XCTAssertEqual(outcome[key], value, "\(script): \(key) of \(step)")
        }
    }

    private func parallel(_ step: JSON) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<(step["times"]?.int ?? 0) {
                group.addTask {
                    for inner in step["steps"]?.items ?? [] { try await self.run(inner) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func perform(_ step: JSON) async throws -> [String: JSON] {
        guard let what = step["do"]?.string else { throw ScriptError("a step without `do`: \(step)") }
        if what == "open" {
            var options = OpenOptions()
            options.key = step["key"].map(text)
            options.keepThumbnails = step["keep_thumbnails"]?.bool ?? false
            options.readOnly = step["read_only"]?.bool ?? false
            options.threads = step["threads"]?.int
            runtime = try await CraneRuntime.open(models: models(step), library: library(step), options: options)
            return [:]
        }
        if let outcome = try await apart(what, step) { return outcome }
        guard let runtime else { throw ScriptError("nothing is open at \(step)") }
        if let outcome = try await ofFacts(what, step, runtime) { return outcome }
        if let outcome = try await ofQuestions(what, step, runtime) { return outcome }
        if let outcome = try await ofLife(what, step, runtime) { return outcome }
        if let outcome = try await ofPacks(what, step, runtime) { return outcome }
        throw ScriptError("no step does `\(what)`; add it to the runner")
    }

    private func ofFacts(_ what: String, _ step: JSON, _ runtime: CraneRuntime) async throws -> [String: JSON]? {
        switch what {
        case "add":
            return told(step, try await runtime.add(newFact(step)))
        case "conflicts":
            let found = try await runtime.conflicts(with: newFact(step))
            let reasons = found.map { JSON.text($0.similarity == nil ? "subject" : "picture") }
            return ["facts": names(found.map(\.fact)), "reasons": .list(reasons)]
        case "edit":
            return outcome(try await runtime.edit(id(step), to: newFact(step)))
        case "supersede":
            if let several = ids(step) { return told(step, try await runtime.supersede(several, with: newFact(step))) }
            return told(step, try await runtime.supersede(id(step), with: newFact(step)))
        case "enable":
            return outcome(try await runtime.enable(id(step)))
        case "disable":
            return outcome(try await runtime.disable(id(step)))
        case "delete":
            return outcome(try await runtime.delete(id(step)))
        case "get":
            return outcome(try await runtime.fact(id(step)))
        case "forget":
            let receipt = try await runtime.forget(id(step))
            return ["fact": name(receipt.fact), "digest_digits": .number(Double(receipt.digest.count))]
        case "receipts":
            return ["facts": names(try await runtime.receipts().map(\.fact))]
        case "keys":
            let keys = try await runtime.keys(of: id(step))
            let images = keys.filter { $0.modality == .image }.count
            return ["images": .number(Double(images)), "texts": .list(keys.compactMap { $0.text.map(JSON.text) })]
        case "thumbnail":
            guard let key = step["key"]?.int else { throw ScriptError("no key: \(step)") }
            let photo = try await runtime.thumbnail(of: Int64(key))
            return ["jpeg": .bool(photo?.data.starts(with: [0xFF, 0xD8]) ?? false)]
        case "list":
            let states = try (step["states"]?.items ?? []).map { try state($0.string ?? "") }
            let found = try await runtime.facts(
                states: states, source: step["source"].map(text), subject: step["subject"].map(text),
                offset: step["offset"]?.int ?? 0, limit: step["limit"]?.int)
            return ["facts": names(found.map(\.id))]
        case "search":
            let found = try await runtime.search(text(step["words"]), limit: step["limit"]?.int ?? 0)
            return ["facts": names(found.map(\.id))]
        case "history":
            let entries = try await runtime.history(of: step["id"] == nil ? nil : id(step), limit: step["limit"]?.int ?? 0)
            return ["ops": .list(entries.map { .text($0.op) })]
        case "as_of":
            return outcome(try await runtime.fact(id(step), asOf: seq(step)))
        case "restore":
            return outcome(try await runtime.restore(id(step), to: seq(step)))
        case "undo":
            return change(try await runtime.undo())
        case "redo":
            return change(try await runtime.redo())
        default:
            return nil
        }
    }

    private func ofQuestions(_ what: String, _ step: JSON, _ runtime: CraneRuntime) async throws -> [String: JSON]? {
        switch what {
        case "preview":
            let preview = try await runtime.preview(question(step))
            return traced(preview.fact, preview.trace)
        case "ask":
            let (events, answer) = try await step["at"] == nil ? hear(step, runtime) : listen(step, runtime)
            check(events, answer)
            guard let reply = answer.trace.reply else { throw ScriptError("an answer has a reply") }
            let cited = reply.cited.map(JSON.bool) ?? .null
            let own: [String: JSON] = ["text": .text(answer.text), "cited": cited, "well_formed": .bool(reply.wellFormed)]
            return traced(answer.fact, answer.trace).merging(own) { $1 }
        default:
            return nil
        }
    }

    private func ofLife(_ what: String, _ step: JSON, _ runtime: CraneRuntime) async throws -> [String: JSON]? {
        switch what {
        case "close": try await runtime.close()
        case "warm_up":
            return try await watched(step) { told in
                try await runtime.warmUp(onProgress: told)
                return [:]
            }
        case "background": try await runtime.onBackground()
        case "foreground": try await runtime.onForeground()
        case "trim":
            let levels: [String: TrimLevel] = ["photo": .photo, "context": .context, "models": .models]
            guard let level = levels[step["level"]?.string ?? ""] else { throw ScriptError("an unknown level: \(step)") }
            await runtime.trimMemory(level)
        case "memory":
            let usage = await runtime.memoryUsage()
            return ["models": .bool(usage.languageWeights > 0 && usage.encoders > 0), "index": .bool(usage.index > 0)]
        case "backends":
            let backends = await runtime.backends()
            return ["encoder": .bool(backends.encoder != nil), "language": .bool(backends.language != nil)]
        case "model_info":
            let info = try await runtime.modelInfo()
            return [
                "name": .text(info.name), "context": .number(Double(info.context)),
                "language": .text(info.language.architecture), "vision": .text(info.vision.architecture),
            ]
        case "devices":
            return ["cpu": .bool(try await runtime.devices().contains { $0.kind == .cpu })]
        default:
            return nil
        }
        return [:]
    }

    // MARK: Arguments

    private func id(_ step: JSON) -> String {
        step["id"]?.string.map { ids[$0] ?? $0 } ?? text(step["id"])
    }

    private func question(_ step: JSON) throws -> Question {
        Question(
            text(step["question"]), photo: try step["image"].map(photo), source: step["source"].map(text),
            thoughtTokens: step["thought_tokens"]?.int, temperature: step["temperature"]?.double.map { Float($0) })
    }

    private func seq(_ step: JSON) throws -> Int64 {
        guard case .number(let seq) = step["seq"], let whole = Int64(exactly: seq) else {
            throw ScriptError("no seq: \(step)")
        }
        return whole
    }

    func models(_ step: JSON) -> URL { root.appendingPathComponent(step["models"]?.string ?? "models/tiny") }
    func library(_ step: JSON) -> URL { folder.appendingPathComponent(step["library"]?.string ?? "library") }
    func ids(_ step: JSON) -> [String]? { step["ids"]?.items.map { ids[$0.string ?? ""] ?? text($0) } }

    private func newFact(_ step: JSON) throws -> NewFact {
        let from = step["fact"] ?? .null
        let date = { (name: String) in from[name]?.double.map { Date(milliseconds: Int64($0)) } }
        return NewFact(
            text(from["statement"]), subject: from["subject"].map(text), target: from["target"].map(text),
            photos: try (from["images"]?.items ?? []).map(photo), texts: (from["texts"]?.items ?? []).map(text),
            source: from["source"].map(text), note: from["note"].map(text), validFrom: date("valid_from"),
            validUntil: date("valid_until"))
    }

    // MARK: Outcomes

    func name(_ id: String) -> JSON { .text(names[id] ?? id) }
    func names(_ ids: [String]) -> JSON { .list(ids.map(name)) }

    private func told(_ step: JSON, _ fact: Fact) -> [String: JSON] {
        let name = step["as"]?.string ?? ""
        (ids[name], names[fact.id]) = (fact.id, name)
        return outcome(fact)
    }

    private func outcome(_ fact: Fact) -> [String: JSON] {
        [
            "id": name(fact.id), "statement": .text(fact.statement), "subject": JSON(fact.subject),
            "target": JSON(fact.target), "source": JSON(fact.source), "note": JSON(fact.note),
            "state": .text("\(fact.state)"), "supersedes": fact.supersedes.map(name) ?? .null,
            "valid_from": JSON(fact.validFrom), "valid_until": JSON(fact.validUntil),
            "trusted": fact.origin.map { .bool($0.trusted) } ?? .null,
            "image_keys": .number(Double(fact.imageKeys)), "text_keys": .number(Double(fact.textKeys)),
        ]
    }

    private func change(_ entry: HistoryEntry?) -> [String: JSON] {
        guard let entry else { return ["op": .null] }
        return ["op": .text(entry.op), "facts": names(entry.facts)]
    }

    private func traced(_ fact: Fact?, _ trace: Trace) -> [String: JSON] {
        let (fired, reason): (String?, String) =
            switch trace.decision {
            case .fire(let fact, _, _, _, _, _): (fact, "fire")
            case .pass(.emptyIndex): (nil, "empty_index")
            case .pass(.belowThreshold): (nil, "below_threshold")
            }
        XCTAssertEqual(fired, fact?.id)
        return [
            "fired": fired.map(name) ?? .null, "reason": .text(reason), "route": .text("\(trace.route)"),
            "hits": .number(Double(trace.hits.count)),
        ]
    }

    // MARK: Asking

    /// Asks as an app does.
    private func hear(_ step: JSON, _ runtime: CraneRuntime) async throws -> ([AnswerEvent], Answer) {
        var events: [AnswerEvent] = []
        for try await event in runtime.stream(try question(step)) {
            if case .answered(let answer) = event { return (events, answer) }
            events.append(event)
        }
        throw ScriptError("a stream ended without an answer")
    }

    /// Acts within the listener itself, beneath the stream, where nothing has gone on meanwhile.
    private func listen(_ step: JSON, _ runtime: CraneRuntime) async throws -> ([AnswerEvent], Answer) {
        guard let at = step["at"]?.string, let then = step["then"]?.string else { throw ScriptError("no `then`: \(step)") }
        guard ["cancel", "cancel_elsewhere", "throw", "close", "list"].contains(then) else {
            throw ScriptError("no listener does `\(then)`; add it to the runner")
        }
        let acting = Acting(at: at, then: then, runtime: runtime)
        acting.begin(try question(step))
        await acting.ended.wait()
        return (acting.events.update { $0 }, try acting.end.update { $0 }!.get())
    }

    /// One `routed`, one `decided` that agree with the trace, then pieces of thought and answer that make up the whole.
    private func check(_ events: [AnswerEvent], _ answer: Answer) {
        let kinds = events.map(kind)
        let (thoughts, answers) = (kinds.filter { $0 == "think" }, kinds.filter { $0 == "answer" })
        XCTAssertEqual(kinds, ["routed", "decided"] + thoughts + answers)
        var (thought, text) = ("", "")
        for event in events {
            switch event {
            case .routed(let route): XCTAssertEqual(route, answer.trace.route)
            case .decided(let decision, let fact):
                XCTAssertEqual(decision, answer.trace.decision)
                XCTAssertEqual(fact, answer.fact)
            case .thinkDelta(let more): thought += more
            case .answerDelta(let more): text += more
            case .answered: XCTFail("it comes last")
            }
        }
        XCTAssertEqual(thought, answer.thought)
        XCTAssertEqual(text, answer.text)
    }
}
