import CraneBindings
import Foundation

/// What went wrong, as far as a caller would act differently.
///
///     catch let error as CraneError where error.kind == .unsupportedImage
public struct CraneError: Error, Hashable, Sendable {
    /// What kind of error it is.
    public let kind: Kind
    /// What happened and what to do, in English; no fact, question or answer is ever in it.
    public let message: String

    /// Every kind, with its number, which is the same in every language and never changes.
    public enum Kind: Int32, CaseIterable, Sendable {
        /// A fact, key or file does not exist.
        case notFound = 1
        /// An argument is empty, too long or contradictory.
        case invalidInput = 2
        /// Not a photo that can be decoded within the limits.
        case unsupportedImage = 3
        /// A model file is missing.
        case modelMissing = 4
        /// A model file or manifest is damaged or altered.
        case modelCorrupt = 5
        /// The library was written with other encoders; re-embed it.
        case fingerprintMismatch = 6
        /// Another process writes to this library.
        case libraryLocked = 7
        /// The library's database is damaged, or newer than this version.
        case libraryCorrupt = 8
        /// The disk is full.
        case storageFull = 9
        /// Not enough memory.
        case outOfMemory = 10
        /// The question was cancelled. A cancelled task's question throws `CancellationError` instead.
        case cancelled = 11
        /// The app is in the background, where no GPU may be used and no library be written; try again in the foreground.
        case backgrounded = 12
        /// Prompt and reply do not fit the model's context.
        case contextOverflow = 13
        /// A defect of Crane's.
        case `internal` = 14
        /// The library cannot be written: read-only file, folder or file system, or opened for reading.
        case readOnly = 15
        /// The storage device failed to read or write.
        case storageFailed = 16
        /// It was closed before.
        case closed = 18
        /// A fact pack is damaged, altered, incomplete or newer than this version: get it again.
        case packCorrupt = 19
        /// The library is encrypted and no key or another one was given, or it is not and one was.
        case wrongKey = 20
    }
}

extension CraneError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { message }
    public var description: String { "\(kind): \(message)" }
}

extension CraneError {
    /// What a call into Rust threw. Anything but the library's own errors is a panic there, whose words could be anyone's.
    init(_ error: any Error) {
        switch error {
        case let error as CraneError: self = error
        case let error as CraneBindings.CraneError: self.init(native: error)
        default: self.init(kind: .internal, message: "a call failed unexpectedly; please report this")
        }
    }

    // Without a default: a new kind in the library must become one here.
    private init(native: CraneBindings.CraneError) {
        switch native {
        case .NotFound(let message): self.init(kind: .notFound, message: message)
        case .InvalidInput(let message): self.init(kind: .invalidInput, message: message)
        case .UnsupportedImage(let message): self.init(kind: .unsupportedImage, message: message)
        case .ModelMissing(let message): self.init(kind: .modelMissing, message: message)
        case .ModelCorrupt(let message): self.init(kind: .modelCorrupt, message: message)
        case .FingerprintMismatch(let message): self.init(kind: .fingerprintMismatch, message: message)
        case .LibraryLocked(let message): self.init(kind: .libraryLocked, message: message)
        case .LibraryCorrupt(let message): self.init(kind: .libraryCorrupt, message: message)
        case .StorageFull(let message): self.init(kind: .storageFull, message: message)
        case .OutOfMemory(let message): self.init(kind: .outOfMemory, message: message)
        case .Cancelled(let message): self.init(kind: .cancelled, message: message)
        case .Backgrounded(let message): self.init(kind: .backgrounded, message: message)
        case .ContextOverflow(let message): self.init(kind: .contextOverflow, message: message)
        case .Internal(let message): self.init(kind: .internal, message: message)
        case .ReadOnly(let message): self.init(kind: .readOnly, message: message)
        case .StorageFailed(let message): self.init(kind: .storageFailed, message: message)
        case .Closed(let message): self.init(kind: .closed, message: message)
        case .PackCorrupt(let message): self.init(kind: .packCorrupt, message: message)
        case .WrongKey(let message): self.init(kind: .wrongKey, message: message)
        }
    }
}

/// Calls into Rust, and throws a ``CraneError`` for whatever that throws.
func typed<Value>(_ work: () throws -> Value) throws -> Value {
    do { return try work() } catch { throw CraneError(error) }
}
