// As much of Core Graphics and Core Foundation as the package uses. Bridged types are the Swift types themselves.
import Foundation

public typealias CFString = String
public typealias CFData = Data
public typealias CFMutableData = NSMutableData
public typealias CFDictionary = [String: Any]

public enum CGImageAlphaInfo: UInt32, Sendable {
    case none, premultipliedLast, premultipliedFirst, last, first, noneSkipLast, noneSkipFirst, alphaOnly
}

public final class CGImage: @unchecked Sendable {
    public var alphaInfo: CGImageAlphaInfo { .none }
}
