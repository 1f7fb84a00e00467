import CraneBindings
import Foundation

/// A correction as the person states it.
public struct NewFact: Hashable, Sendable, Discreet {
    /// The fact in one or two sentences, 1 to 2,000 characters.
    public var statement: String
    /// What the fact is about ("Brasenose College"), 1 to 500 characters.
    public var subject: String?
    /// What it says of it, the expected answer ("Oxford"), 1 to 500 characters.
    public var target: String?
    /// Photos of what the fact is about, at most 32.
    public var photos: [Photo]
    /// Further texts under which it is found, at most 32 of 1 to 2,000 characters; the statement always is one.
    public var texts: [String]
    /// Where it comes from ("museum label"), 1 to 500 characters.
    public var source: String?
    /// The person's own remark, 1 to 2,000 characters.
    public var note: String?
    /// First moment it holds; nil: always has.
    public var validFrom: Date?
    /// Moment from which it no longer holds; nil: never ends.
    public var validUntil: Date?

    public init(
        _ statement: String, subject: String? = nil, target: String? = nil, photos: [Photo] = [], texts: [String] = [],
        source: String? = nil, note: String? = nil, validFrom: Date? = nil, validUntil: Date? = nil
    ) {
        self.statement = statement
        self.subject = subject
        self.target = target
        self.photos = photos
        self.texts = texts
        self.source = source
        self.note = note
        self.validFrom = validFrom
        self.validUntil = validUntil
    }

    var native: CraneBindings.NewFact {
        .init(
            statement: statement, subject: subject, target: target, images: photos.map(\.data), texts: texts,
            source: source, note: note, validFrom: validFrom?.milliseconds, validUntil: validUntil?.milliseconds)
    }
}
