// As much of AppKit as the package uses.
@_exported import CoreGraphics
@_exported import Foundation

public final class NSGraphicsContext {}

public class NSImageRep {
    public struct HintKey: Hashable, Sendable {}
}

public final class NSImage {
    public func cgImage(
        forProposedRect rect: UnsafeMutablePointer<NSRect>?, context: NSGraphicsContext?, hints: [NSImageRep.HintKey: Any]?
    ) -> CGImage? { nil }
}
