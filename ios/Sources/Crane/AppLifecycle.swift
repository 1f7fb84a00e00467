import CraneBindings
import Dispatch
import Foundation

/// Tells a runtime what happens to the app, for as long as this object is kept: in the background no GPU is used and no file
/// is locked, in the foreground everything works again, and a memory warning gives the models' memory back.
///
/// `CraneRuntime.followApp()` makes one. iOS ends apps that use the GPU in the background, and suspended ones that hold a
/// lock in a shared container.
public final class AppLifecycle: @unchecked Sendable {
    /// What the system calls the three things that happen.
    struct Names {
        let background: Notification.Name
        let foreground: Notification.Name
        let memory: Notification.Name
    }

    private let center: NotificationCenter
    // Set before anybody else knows the object, and never again.
    private var observers: [any NSObjectProtocol] = []

    /// `stayAwake` keeps the system from suspending the app before the group is done.
    init(
        _ crane: CraneBindings.Crane, _ center: NotificationCenter, _ names: Names,
        stayAwake: @escaping @Sendable (DispatchGroup) -> Void
    ) {
        self.center = center
        // In the order in which it happened, away from the main thread, which the system watches.
        let steps = DispatchQueue(label: "dev.crane.lifecycle", qos: .userInitiated)
        observe(names.background) {
            let done = DispatchGroup()
            // Its errors are `closed`, after which nothing is left to do.
            steps.async(group: done) { try? crane.onBackground() }
            stayAwake(done)
        }
        // `libraryLocked` is told again by the next change.
        observe(names.foreground) { steps.async { try? crane.onForeground() } }
        observe(names.memory) { steps.async { crane.trimMemory(level: .models) } }
    }

    private func observe(_ name: Notification.Name, _ step: @escaping @Sendable () -> Void) {
        observers.append(center.addObserver(forName: name, object: nil, queue: nil) { _ in step() })
    }

    deinit {
        observers.forEach(center.removeObserver)
    }
}

#if canImport(UIKit) && !os(watchOS)
import UIKit

extension CraneRuntime {
    /// Follows the app into the background and back, and gives memory back when the system warns. Keep what it returns for as
    /// long as the runtime is open. It works in app extensions too.
    @MainActor
    public func followApp() -> AppLifecycle {
        let names = AppLifecycle.Names(
            background: UIApplication.didEnterBackgroundNotification,
            foreground: UIApplication.willEnterForegroundNotification,
            memory: UIApplication.didReceiveMemoryWarningNotification)
        return AppLifecycle(native, .default, names) { done in
            // Runs on a thread of the system's, which suspends the app only when the block has returned.
            ProcessInfo.processInfo.performExpiringActivity(withReason: "Crane finishes its work") { expired in
                if !expired { done.wait() }
            }
        }
    }
}
#endif
