import Foundation

/// An encoded photo: JPEG, PNG or WebP, at most 64 MiB and 50 million pixels.
///
/// On Apple's platforms whatever else the system reads (HEIC above all) becomes JPEG here, which takes a moment: make photos
/// away from the main thread. Elsewhere, and where the system can't read it either, it is passed on as it is and refused with
/// ``CraneError/Kind/unsupportedImage`` when it is used.
public struct Photo: Hashable, Sendable, Discreet {
    /// The encoded file's bytes.
    public let data: Data

    public init(_ data: Data) {
        #if canImport(ImageIO)
        self.data = Self.isReadAsItIs(data) ? data : Self.jpeg(transcoding: data) ?? data
        #else
        self.data = data
        #endif
    }

    /// Reads a file. Throws what `Data(contentsOf:)` throws.
    public init(contentsOf file: URL) throws {
        self.init(try Data(contentsOf: file, options: .mappedIfSafe))
    }

    init(encoded data: Data) {
        self.data = data
    }

    /// Whether this looks like one of the formats that Crane decodes itself.
    static func isReadAsItIs(_ data: Data) -> Bool {
        let head = Array(data.prefix(12))
        return head.starts(with: [0xFF, 0xD8, 0xFF]) || head.starts(with: [0x89, 0x50, 0x4E, 0x47])
            || (head.starts(with: Array("RIFF".utf8)) && head.dropFirst(8).elementsEqual("WEBP".utf8))
    }
}
