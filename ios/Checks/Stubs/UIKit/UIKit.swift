// As much of UIKit, and of what Foundation has on Apple's platforms alone, as package and sample use.
@_exported import CoreGraphics
@_exported import Foundation

extension ProcessInfo {
    public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {
        Thread.detachNewThread { block(false) }
    }
}

@MainActor
public class UIApplication {
    public nonisolated static let didEnterBackgroundNotification = Notification.Name("background")
    public nonisolated static let willEnterForegroundNotification = Notification.Name("foreground")
    public nonisolated static let didReceiveMemoryWarningNotification = Notification.Name("memory")
}

public final class UIImage: @unchecked Sendable {
    public enum Orientation: Int, Sendable {
        case up, down, left, right, upMirrored, downMirrored, leftMirrored, rightMirrored
    }

    public init?(data: Data) { nil }
    public var cgImage: CGImage? { nil }
    public var imageOrientation: Orientation { .up }
}

@MainActor open class UIViewController: NSObject {}
@MainActor open class UINavigationController: UIViewController {}
@MainActor public protocol UINavigationControllerDelegate: AnyObject {}

@MainActor
public protocol UIImagePickerControllerDelegate: AnyObject {
    func imagePickerController(
        _ picker: UIImagePickerController, didFinishPickingMediaWithInfo info: [UIImagePickerController.InfoKey: Any])
    func imagePickerControllerDidCancel(_ picker: UIImagePickerController)
}

@MainActor
open class UIImagePickerController: UINavigationController {
    public enum SourceType: Int, Sendable { case photoLibrary, camera }

    public struct InfoKey: Hashable, Sendable {
        public static let originalImage = InfoKey()
    }

    public var sourceType = SourceType.photoLibrary
    public weak var delegate: (any UIImagePickerControllerDelegate & UINavigationControllerDelegate)?
    public class func isSourceTypeAvailable(_ type: SourceType) -> Bool { false }
}
