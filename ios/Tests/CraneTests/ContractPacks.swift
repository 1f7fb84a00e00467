import Foundation
import XCTest

@testable import Crane

/// Steps about packs, and about libraries that nobody has open.
extension Runner {
    /// Steps that need no open library; nil: this is none of them.
    func apart(_ what: String, _ step: JSON) async throws -> [String: JSON]? {
        switch what {
        case "put":
            let file = self.file(step)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try photo(step["content"] ?? .null).data.write(to: file)
            return [:]
        case "public_key":
            return ["public_key": .text(try CraneRuntime.publicKey(of: text(step["signing_key"])))]
        case "pack_facts":
            let found = try await CraneRuntime.facts(ofPack: file(step), ids(step) ?? [])
            return ["facts": names(found.map(\.id))]
        case "check", "repair", "salvage", "reembed", "is_encrypted", "set_key":
            return try await onLibrary(what, step, FactLibrary(library(step), key: step["key"].map(text)))
        default:
            return nil
        }
    }

    private func onLibrary(_ what: String, _ step: JSON, _ library: FactLibrary) async throws -> [String: JSON] {
        switch what {
        case "is_encrypted":
            return ["encrypted": .bool(try await library.isEncrypted())]
        case "set_key":
            try await library.setKey(step["new_key"].map(text))
            return [:]
        case "check":
            return try await watched(step) { self.checked(try await library.check(onProgress: $0)) }
        case "repair":
            return try await watched(step) { told in
                let report = try await library.repair(onProgress: told)
                let done = JSON.list(report.done.map { .text(snake("\($0)")) })
                return self.checked(report.after).merging(["done": done]) { $1 }
            }
        case "salvage":
            return try await watched(step) { told in
                let into = self.folder.appendingPathComponent(step["into"]?.string ?? "")
                let report = try await library.salvage(into: into, models: self.models(step), onProgress: told)
                return ["saved": count(report.facts), "lost": count(report.lostFacts)]
            }
        default:
            return try await watched(step) { told in
                let report = try await library.reembed(models: self.models(step), onProgress: told)
                return ["keys": count(report.keys), "projected": count(report.projected)]
            }
        }
    }

    func ofPacks(_ what: String, _ step: JSON, _ runtime: CraneRuntime) async throws -> [String: JSON]? {
        let trusted = step["trusted"]?.items.map(text) ?? []
        switch what {
        case "export":
            return try await watched(step) { told in
                let report = try await runtime.exportPack(
                    to: self.file(step), facts: self.ids(step), signingKey: step["signing_key"].map(text), onProgress: told)
                return ["exported": count(report.facts), "keys": count(report.keys), "receipts": count(report.receipts)]
            }
        case "preview_pack":
            return try await watched(step) { told in
                let found = try await runtime.previewPack(self.file(step), trusted: trusted, onProgress: told)
                return [
                    "new": self.names(found.new), "same": self.names(found.same),
                    "conflicts": self.names(found.conflicts.map(\.fact)), "signer": JSON(found.origin.signer),
                    "trusted": .bool(found.origin.trusted),
                ]
            }
        case "import":
            let choices: [String: OnConflict] = ["skip": .skip, "keep_both": .keepBoth, "supersede": .supersede]
            guard let choice = choices[step["on_conflict"]?.string ?? "skip"] else {
                throw ScriptError("an unknown choice: \(step)")
            }
            return try await watched(step) { told in
                let report = try await runtime.importPack(
                    self.file(step), trusted: trusted, onConflict: choice, onProgress: told)
                return [
                    "added": self.names(report.added), "replaced": self.names(report.replaced),
                    "superseded": self.names(report.superseded), "skipped": self.names(report.skipped),
                ]
            }
        default:
            return nil
        }
    }

    /// Does work with the listener that a step wants, and says whether what it was told makes sense.
    func watched(_ step: JSON, _ work: (OnProgress?) async throws -> [String: JSON]) async throws -> [String: JSON] {
        guard let wanted = step["progress"]?.string else { return try await work(nil) }
        guard ["watch", "throw"].contains(wanted) else { throw ScriptError("an unknown listener: \(step)") }
        let shares = Box<[Float]>([])
        let outcome = try await work { share in
            shares.update { $0.append(share) }
            if wanted == "throw" { throw CraneError(kind: .cancelled, message: "thrown on purpose") }
        }
        let told = shares.update { $0 }
        let makesSense = told.allSatisfy { (0...1).contains($0) } && told.last == 1
        return outcome.merging(["progress": .bool(makesSense)]) { $1 }
    }

    private func file(_ step: JSON) -> URL { folder.appendingPathComponent(step["file"]?.string ?? "") }

    private func checked(_ report: CheckReport) -> [String: JSON] {
        let worst = report.findings.first.map { JSON.text("\($0.severity)") } ?? .null
        let found = JSON.list(report.findings.map { .text(snake("\($0.part)")) })
        return ["checked": count(report.facts), "worst": worst, "found": found]
    }
}

private func count(_ number: UInt64) -> JSON { .number(Double(number)) }
