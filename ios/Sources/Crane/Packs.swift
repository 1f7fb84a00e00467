import CraneBindings
import Foundation

extension CraneRuntime {
    /// Writes facts to a file, which appears under its name only when it is complete. It is not encrypted, and forgetting a
    /// fact does not reach it.
    ///
    /// Throws `notFound` for a fact that is not there or forgotten, `invalidInput` when the file would stand in the library's
    /// folder or in place of one that is no fact pack, `storageFull`; nothing is left behind then.
    ///
    /// - Parameters:
    ///   - file: where to.
    ///   - facts: these, in whatever state; nil: every fact that is not deleted, and the receipts of forgotten ones.
    ///   - thumbnails: takes along the small copies of photos, where they are kept.
    ///   - history: takes along what the facts said before, and when they were changed.
    ///   - signingKey: the key that the pack is signed with, as ``generateSigningKey()`` makes one; nil: it is not signed.
    ///   - onProgress: told how far it is.
    @discardableResult
    public func exportPack(
        to file: URL, facts: [Fact.ID]? = nil, thumbnails: Bool = true, history: Bool = true, signingKey: String? = nil,
        onProgress: OnProgress? = nil
    ) async throws -> ExportReport {
        let options = ExportOptions(facts: facts, thumbnails: thumbnails, history: history, signingKey: signingKey)
        return try await call(onProgress) { [native] in
            try native.exportPack(file: file.path, options: options, progress: $0)
        }
    }

    /// Compares a pack with the library: what an import would find. Nothing is stored.
    ///
    /// Throws `packCorrupt` for a file that is damaged, altered, incomplete, wrongly signed or no pack at all, `notFound`
    /// where there is none, `fingerprintMismatch` when its vectors come from other encoders.
    ///
    /// - Parameters:
    ///   - file: the pack.
    ///   - trusted: the signers that the person trusts, each as ``publicKey(of:)`` gives it.
    ///   - similarity: from which similarity (cosine, -1 to 1) two photos are taken for the same picture.
    ///   - onProgress: told how far it is.
    public func previewPack(
        _ file: URL, trusted: [String] = [], similarity: Float = 0.95, onProgress: OnProgress? = nil
    ) async throws -> ImportPreview {
        let options = ImportOptions(trusted: trusted, similarity: similarity)
        return try await call(onProgress) { [native] in
            try native.previewPack(file: file.path, options: options, progress: $0)
        }
    }

    /// Imports a pack: all of it or nothing, as one change that one undo takes back.
    ///
    /// Throws as ``previewPack(_:trusted:similarity:onProgress:)``, and `readOnly`, `storageFull`, `backgrounded`; the library
    /// is then as it was.
    ///
    /// - Parameters:
    ///   - file: the pack.
    ///   - trusted: the signers that the person trusts; facts of every other pack are marked untrusted for good.
    ///   - similarity: from which similarity (cosine, -1 to 1) two photos are taken for the same picture.
    ///   - onConflict: what becomes of facts that something stands against.
    ///   - onProgress: told how far it is.
    @discardableResult
    public func importPack(
        _ file: URL, trusted: [String] = [], similarity: Float = 0.95, onConflict: OnConflict = .skip,
        onProgress: OnProgress? = nil
    ) async throws -> ImportReport {
        let options = ImportOptions(trusted: trusted, similarity: similarity, onConflict: onConflict)
        return try await call(onProgress) { [native] in
            try native.importPack(file: file.path, options: options, progress: $0)
        }
    }

    /// What a pack says of these facts, in the order in which they were stated; of all, where none is named. Nothing is
    /// stored, and the whole pack is verified first.
    public static func facts(ofPack file: URL, _ facts: [Fact.ID] = []) async throws -> [Fact] {
        try await call { try packFacts(file: file.path, facts: facts) }
    }

    /// A new random key to sign packs with. Keep it in the keychain.
    public static func generateSigningKey() throws -> String {
        try typed { try CraneBindings.generateSigningKey() }
    }

    /// The half of a signing key that others may know: whoever trusts it trusts the packs that are signed with the key.
    public static func publicKey(of signingKey: String) throws -> String {
        try typed { try CraneBindings.publicKey(signingKey: signingKey) }
    }
}
