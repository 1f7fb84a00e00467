import CraneBindings
import Foundation

/// Facts and the models that reason with them. Any task may call anything at any time.
///
/// Calls that wait for the disk or for models do so on threads of their own. Every change is on disk when its call returns:
/// a runtime that is closed late or never loses nothing.
public final class CraneRuntime: Sendable {
    let native: CraneBindings.Crane

    private init(_ native: CraneBindings.Crane) {
        self.native = native
    }

    /// Verifies the models and opens the library, which is created where there is none. No model is loaded yet.
    ///
    /// Throws a ``CraneError``: `modelMissing` or `modelCorrupt` for the models, `libraryLocked`, `libraryCorrupt`,
    /// `fingerprintMismatch` or `wrongKey` for the library, `invalidInput` for an option out of range.
    ///
    /// - Parameters:
    ///   - models: the model bundle's folder.
    ///   - library: the library's folder.
    ///   - options: what is not as usual.
    public static func open(models: URL, library: URL, options: OpenOptions = OpenOptions()) async throws -> CraneRuntime {
        try await call { CraneRuntime(try .open(options: options.native(models: models, library: library))) }
    }

    /// Whether this build can encrypt libraries.
    public static var hasEncryption: Bool { CraneBindings.hasEncryption() }

    /// A new random key for an encrypted library; no two are alike. Only builds with encryption can use it.
    public static func generateKey() throws -> String {
        try typed { try CraneBindings.generateKey() }
    }

    /// Crane's version, "0.1.0".
    public static var version: String { CraneBindings.version() }

    /// Ends every question with `closed`, waits for them, frees the models and closes the library. Any use afterwards throws
    /// `closed`; closing again does nothing.
    public func close() async throws {
        try await call { [native] in try native.shutDown() }
    }

    /// Which fact would fire on this question? The language model doesn't run.
    public func preview(_ question: Question) async throws -> Preview {
        try await call { [native] in try native.preview(question: question.native()) }
    }

    /// What the models are, without loading them.
    public func modelInfo() async throws -> BundleInfo {
        try await call { [native] in try native.modelInfo() }
    }

    /// What the language model can compute on; GPUs that crashed an earlier start are left alone and missing. Throws
    /// `backgrounded` where a GPU might be woken.
    public func devices() async throws -> [Device] {
        try await call { [native] in try native.devices() }
    }

    /// Forgets that a GPU has crashed, so that the next start tries it again; `state` is ``OpenOptions/state``.
    public static func forgetGPUCrash(state: URL) async throws {
        try await call { try forgetGpuCrash(state: state.path) }
    }

    /// Loads every model now, so that the first question need not wait for it. `onProgress` is told how far it is, never less
    /// than before, and 1 in the end. Cancelled, the models go on loading.
    public func warmUp(onProgress: OnProgress? = nil) async throws {
        try await call(onProgress) { [native] in try native.warmUp(progress: $0) }
    }

    /// Gives memory back; nothing that runs is interrupted. `followApp()` calls it on the system's memory warnings.
    public func trimMemory(_ level: TrimLevel = .models) async {
        await call { [native] in native.trimMemory(level: level) }
    }

    /// For apps that are about to be suspended: afterwards no GPU is used, no file is locked, and everything is on disk.
    /// Questions on a GPU end with `backgrounded`, changes are refused with it. `followApp()` calls it by itself.
    public func onBackground() async throws {
        try await call { [native] in try native.onBackground() }
    }

    /// For apps that are back in the foreground: everything works again.
    ///
    /// Throws `libraryLocked` when another process writes to the library now; the next change tries again.
    public func onForeground() async throws {
        try await call { [native] in try native.onForeground() }
    }

    /// What runs the models that are loaded.
    public func backends() async -> Backends {
        await call { [native] in native.backends() }
    }

    /// Bytes in use, part by part.
    public func memoryUsage() async -> MemoryUsage {
        await call { [native] in native.memoryUsage() }
    }
}
