import CraneBindings
import Foundation

/// Told how far work is, 0 to 1, on the thread that does it. What it throws ends the work, and is thrown by the call. It
/// should not wait for a change of the library that is worked on, which waits for it.
public typealias OnProgress = @Sendable (Float) throws -> Void

/// Does blocking work that tells how far it is, off Swift's threads. Cancelling the task ends it, with nothing half done.
func call<Value: Sendable>(
    _ onProgress: OnProgress?, _ work: @escaping @Sendable (any ProgressListener) throws -> Value
) async throws -> Value {
    let watch = Watch(onProgress)
    do {
        return try await withTaskCancellationHandler {
            try await call { try work(watch) }
        } onCancel: {
            watch.end(CancellationError())
        }
    } catch let error as CraneError where error.kind == .cancelled {
        throw watch.reason ?? error
    }
}

/// Hands over how far work is, and knows why it ended early.
private final class Watch: ProgressListener, @unchecked Sendable {
    // What changes is behind the lock.
    private let lock = NSLock()
    private var ended: (any Error)?
    private let told: OnProgress?

    init(_ told: OnProgress?) { self.told = told }

    /// Why the work was to end, if it was.
    var reason: (any Error)? { lock.withLock { ended } }

    /// The first reason counts.
    func end(_ reason: any Error) {
        lock.withLock { ended = ended ?? reason }
    }

    func onProgress(share: Float) throws {
        if let reason { throw reason }
        do { try told?(share) } catch {
            end(error)
            throw error
        }
    }
}
