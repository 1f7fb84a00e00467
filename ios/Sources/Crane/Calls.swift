import Dispatch

/// Where calls into Rust block, so that Swift's cooperative threads, of which there is one per core, never do. Concurrent:
/// a list of facts does not wait for models that are being loaded.
private let calls = DispatchQueue(label: "dev.crane.calls", qos: .userInitiated, attributes: .concurrent)

/// Does blocking work on a thread that may block. Once begun it is done to the end, also when the task is cancelled: a
/// change is made or it is not.
func call<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        calls.async { continuation.resume(with: Result(catching: work).mapError { CraneError($0) }) }
    }
}

/// The same for work that can't fail.
func call<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        calls.async { continuation.resume(returning: work()) }
    }
}
