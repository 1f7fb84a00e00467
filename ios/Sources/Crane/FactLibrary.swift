import CraneBindings
import Foundation

/// A library's folder, for what is done to it while no ``CraneRuntime`` is open on it, and for one that can't be opened. It
/// holds nothing open, and needs no models but to re-embed.
public final class FactLibrary: Sendable {
    private let native: CraneBindings.FactLibrary

    /// Names a folder, and the key of the library there if it is encrypted. Nothing is looked at yet.
    public init(_ folder: URL, key: String? = nil) throws {
        native = try typed { try CraneBindings.FactLibrary(folder: folder.path, key: key) }
    }

    /// Checks database, history, full text, index files and vectors against each other. Nothing is changed, and a finding is
    /// no error. The library may be in use meanwhile.
    public func check(onProgress: OnProgress? = nil) async throws -> CheckReport {
        try await call(onProgress) { [native] in try native.check(progress: $0) }
    }

    /// Checks the library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies up.
    /// Facts, keys and history are never touched. A second check follows, of which `onProgress` is told from 0 again.
    @discardableResult
    public func repair(onProgress: OnProgress? = nil) async throws -> RepairReport {
        try await call(onProgress) { [native] in try native.repair(progress: $0) }
    }

    /// Saves what can be read of a damaged library into a new one, whose folder must be empty or missing; it has the same
    /// key. The damaged one stays as it is.
    ///
    /// - Parameters:
    ///   - folder: the new library's.
    ///   - models: the models' folder; needed only where the damaged library does not say for sure which models its vectors
    ///     come from.
    ///   - onProgress: told how far it is.
    @discardableResult
    public func salvage(into folder: URL, models: URL? = nil, onProgress: OnProgress? = nil) async throws -> SalvageReport {
        try await call(onProgress) { [native] in
            try native.salvage(into: folder.path, models: models?.path, progress: $0)
        }
    }

    /// Makes every vector anew with other models, where opening throws `fingerprintMismatch`. It is all or nothing.
    ///
    /// - Parameters:
    ///   - models: the models' folder.
    ///   - eraseUnreadable: erases what can't be read again, photos of which the library keeps no copy; else that is
    ///     `invalidInput`. Facts stay, and one that nothing finds any more is disabled.
    ///   - onProgress: told how far it is.
    @discardableResult
    public func reembed(
        models: URL, eraseUnreadable: Bool = false, onProgress: OnProgress? = nil
    ) async throws -> ReembedReport {
        try await call(onProgress) { [native] in
            try native.reembed(models: models.path, eraseUnreadable: eraseUnreadable, progress: $0)
        }
    }

    /// Whether the library is encrypted; false where there is none.
    public func isEncrypted() async throws -> Bool {
        try await call { [native] in try native.isEncrypted() }
    }

    /// Encrypts the library with a key, or with another one than before; nil: makes it a plain one. Until it is done the
    /// library stays as it was, whatever happens. Keep the new key before this is called: without it the library can't be
    /// read. Throws `wrongKey` where this build has no encryption, see ``CraneRuntime/hasEncryption``.
    public func setKey(_ key: String?) async throws {
        try await call { [native] in try native.setKey(key: key) }
    }
}
