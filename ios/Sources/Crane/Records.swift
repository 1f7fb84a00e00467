import CraneBindings
import Foundation

// What comes out of the runtime is the generated records themselves, under this module's name.

/// An edit fact as stored.
public typealias Fact = CraneBindings.Fact
/// Where a fact stands. Only active facts fire.
public typealias FactState = CraneBindings.FactState
/// The way on which a fact came into this library.
public typealias Origin = CraneBindings.Origin
/// An existing fact that a new one collides with.
public typealias Conflict = CraneBindings.Conflict
/// One thing that a fact is found by.
public typealias FactKey = CraneBindings.Key
/// What a key consists of.
public typealias Modality = CraneBindings.Modality
/// One change of the library. It names facts by id and holds no content.
public typealias HistoryEntry = CraneBindings.HistoryEntry
/// What remains of a forgotten fact.
public typealias Receipt = CraneBindings.Receipt
/// A question's answer.
public typealias Answer = CraneBindings.Answer
/// Which fact would fire, found without running the language model.
public typealias Preview = CraneBindings.Preview
/// How one question was answered: it says why. It names facts by id and holds no one's words.
public typealias Trace = CraneBindings.Trace
/// The part of a trace that only an answer has.
public typealias ReplyTrace = CraneBindings.ReplyTrace
/// Which index a question searched.
public typealias Route = CraneBindings.Route
/// What the gate decided, with the figures it decided on.
public typealias Decision = CraneBindings.Decision
/// Why no fact fired.
public typealias PassReason = CraneBindings.PassReason
/// One search result.
public typealias Hit = CraneBindings.Hit
/// Why generation ended.
public typealias Finish = CraneBindings.Finish
/// Microseconds per stage; 0 where a stage did not run.
public typealias StageTimes = CraneBindings.StageTimes
/// What runs the models.
public typealias Backends = CraneBindings.Backends
/// Bytes in use, part by part; 0 for what is not loaded. Some are estimates.
public typealias MemoryUsage = CraneBindings.MemoryUsage
/// How much memory to give back; each level includes those before it.
public typealias TrimLevel = CraneBindings.TrimLevel

/// What an export wrote.
public typealias ExportReport = CraneBindings.ExportReport
/// What an import would find.
public typealias ImportPreview = CraneBindings.ImportPreview
/// A fact of a pack and what stands against it.
public typealias ImportConflict = CraneBindings.ImportConflict
/// What becomes of a fact that something stands against.
public typealias OnConflict = CraneBindings.OnConflict
/// What an import did.
public typealias ImportReport = CraneBindings.ImportReport
/// What a check looked at, and what it found.
public typealias CheckReport = CraneBindings.CheckReport
/// Something that is not as it should be. It holds no content.
public typealias Finding = CraneBindings.Finding
/// The part of a library that a finding is about.
public typealias LibraryPart = CraneBindings.LibraryPart
/// How bad a finding is.
public typealias Severity = CraneBindings.Severity
/// What a repair found, did and left.
public typealias RepairReport = CraneBindings.RepairReport
/// What a repair made anew.
public typealias Repaired = CraneBindings.Repaired
/// What was saved of a damaged library, and what is lost.
public typealias SalvageReport = CraneBindings.SalvageReport
/// What re-embedding did.
public typealias ReembedReport = CraneBindings.ReembedReport
/// A model bundle and its models.
public typealias BundleInfo = CraneBindings.BundleInfo
/// One of a bundle's models, as its file describes it.
public typealias ModelInfo = CraneBindings.ModelInfo
/// Something that the language model can compute on.
public typealias Device = CraneBindings.Device
/// What a device is.
public typealias DeviceKind = CraneBindings.DeviceKind

extension Fact: Identifiable {
    /// When it was stated.
    public var created: Date { Date(milliseconds: createdAt) }
    /// When it last changed.
    public var updated: Date { Date(milliseconds: updatedAt) }
    /// First moment it holds; nil: always has.
    public var validSince: Date? { validFrom.map(Date.init(milliseconds:)) }
    /// Moment from which it no longer holds; nil: never ends.
    public var validBefore: Date? { validUntil.map(Date.init(milliseconds:)) }
}

extension FactKey: Identifiable {}

extension HistoryEntry: Identifiable {
    /// Its number, counting up from 1.
    public var id: Int64 { seq }
    /// When it was made.
    public var date: Date { Date(milliseconds: at) }
}

extension Date {
    init(milliseconds: Int64) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }

    /// Unix milliseconds; moments that no 64-bit number holds become the nearest one.
    var milliseconds: Int64 {
        let exact = (timeIntervalSince1970 * 1000).rounded()
        return Int64(exactly: exact) ?? (exact < 0 ? .min : .max)
    }
}
