import CraneBindings
import Foundation

#if canImport(os) && !os(macOS)
import os
#endif

/// How a runtime is opened.
public struct OpenOptions: Hashable, Sendable, Discreet {
    /// The key of an encrypted library, with which a new one is created, as ``CraneRuntime/generateKey()`` makes one; nil: it
    /// is plain. Keep it in the keychain.
    public var key: String?
    /// Opens the library for reading only: any number of processes may, and nothing is created.
    public var readOnly = false
    /// Keeps a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again.
    public var keepThumbnails = false
    /// Threads for each model, at least 1; nil: one per core, as far as that helps.
    public var threads: Int?
    /// Layers of the language model to run on a GPU, where this build has one; nil: as many as fit; 0: none at all.
    public var gpuLayers: Int?
    /// Unloads the models when nothing was asked for so many seconds; nil: never. They are loaded again when needed.
    public var idleUnload: TimeInterval?
    /// Bytes of embeddings of recent photos and texts to keep in memory; nil: 4 MiB; 0: no such cache.
    public var embeddingCacheBytes: Int?
    /// Most bytes that models, contexts and caches may take; nil: what the device has left, as far as the system tells.
    public var memoryBudget: Int?
    /// A folder of the app's own, in which is remembered that a GPU has crashed; nil: it is not remembered.
    public var state: URL?

    public init() {}

    func native(models: URL, library: URL) throws -> CraneBindings.OpenOptions {
        .init(
            models: models.path, library: library.path, key: key, readOnly: readOnly, keepThumbnails: keepThumbnails,
            threads: try threads.map { try whole($0, "threads") },
            gpuLayers: try gpuLayers.map { try whole($0, "gpuLayers") },
            idleUnloadMs: try idleUnload.map { try whole($0 * 1000, "idleUnload") },
            embeddingCacheBytes: try embeddingCacheBytes.map { try whole($0, "embeddingCacheBytes") },
            memoryBudget: try memoryBudget.map { try whole($0, "memoryBudget") } ?? Self.available, state: state?.path)
    }

    /// What the system lets this app take yet. Rust finds it out where it can; on Apple's devices only this call tells.
    private static var available: UInt64? {
        #if canImport(os) && !os(macOS)
        let bytes = os_proc_available_memory()
        return bytes > 0 ? UInt64(bytes) : nil  // 0 in the simulator
        #else
        return nil
        #endif
    }
}

/// A number as Rust takes it.
func whole<Number: FixedWidthInteger>(_ value: Int, _ name: String) throws -> Number {
    guard let number = Number(exactly: value) else { throw CraneError.outOfRange(name) }
    return number
}

func whole(_ value: TimeInterval, _ name: String) throws -> UInt64 {
    guard let number = UInt64(exactly: value.rounded()) else { throw CraneError.outOfRange(name) }
    return number
}

extension CraneError {
    fileprivate static func outOfRange(_ name: String) -> Self {
        .init(kind: .invalidInput, message: "\(name) is out of range")
    }
}
