#if canImport(ImageIO)
import CoreGraphics
import Foundation
import ImageIO

extension Photo {
    /// Longest side of what is transcoded, in pixels: far more than any model looks at.
    private static let longestSide = 4096

    /// Pixels, which become JPEG, or PNG where they are transparent.
    ///
    /// Throws `unsupportedImage` for pixels that the system can't encode.
    public init(_ image: CGImage, orientation: CGImagePropertyOrientation = .up) throws {
        guard let data = Self.encode(image, orientation) else {
            throw CraneError(kind: .unsupportedImage, message: "the system can't encode this image")
        }
        self.init(encoded: data)
    }

    /// An upright JPEG of whatever the system reads; nil where it can't.
    static func jpeg(transcoding data: Data) -> Data? {
        let options: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true,
            kCGImageSourceCreateThumbnailWithTransform: true,
            kCGImageSourceThumbnailMaxPixelSize: longestSide,
        ]
        guard let source = CGImageSourceCreateWithData(data as CFData, nil),
            let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
        else { return nil }
        return encode(image, .up)
    }

    private static func encode(_ image: CGImage, _ orientation: CGImagePropertyOrientation) -> Data? {
        let opaque: [CGImageAlphaInfo] = [.none, .noneSkipFirst, .noneSkipLast]
        let type = opaque.contains(image.alphaInfo) ? "public.jpeg" : "public.png"
        let properties: [CFString: Any] = [
            kCGImagePropertyOrientation: orientation.rawValue,
            kCGImageDestinationLossyCompressionQuality: 0.95,
        ]
        let data = NSMutableData()
        guard let destination = CGImageDestinationCreateWithData(data as CFMutableData, type as CFString, 1, nil) else {
            return nil
        }
        CGImageDestinationAddImage(destination, image, properties as CFDictionary)
        return CGImageDestinationFinalize(destination) ? Data(referencing: data) : nil
    }
}

#if canImport(UIKit)
import UIKit

extension Photo {
    /// An image as UIKit has it, upright as it is shown.
    ///
    /// Throws `unsupportedImage` for one without pixels.
    public init(_ image: UIImage) throws {
        guard let pixels = image.cgImage else {
            throw CraneError(kind: .unsupportedImage, message: "this image has no pixels; render it first")
        }
        try self.init(pixels, orientation: CGImagePropertyOrientation(image.imageOrientation))
    }
}

extension CGImagePropertyOrientation {
    init(_ orientation: UIImage.Orientation) {
        switch orientation {
        case .up: self = .up
        case .down: self = .down
        case .left: self = .left
        case .right: self = .right
        case .upMirrored: self = .upMirrored
        case .downMirrored: self = .downMirrored
        case .leftMirrored: self = .leftMirrored
        case .rightMirrored: self = .rightMirrored
        @unknown default: self = .up
        }
    }
}
#endif

#if canImport(AppKit) && !targetEnvironment(macCatalyst)
import AppKit

extension Photo {
    /// An image as AppKit has it.
    ///
    /// Throws `unsupportedImage` for one without pixels.
    public init(_ image: NSImage) throws {
        guard let pixels = image.cgImage(forProposedRect: nil, context: nil, hints: nil) else {
            throw CraneError(kind: .unsupportedImage, message: "this image has no pixels; render it first")
        }
        try self.init(pixels)
    }
}
#endif
#endif
