import CraneBindings
import Foundation

extension CraneRuntime {
    /// Stores a correction under its photos and texts. It is on disk and in force when this returns.
    ///
    /// Throws `invalidInput` for a field beyond its limits, `unsupportedImage`, `readOnly`, `storageFull`, `backgrounded`,
    /// `closed`; the library is then as it was.
    @discardableResult
    public func add(_ fact: NewFact) async throws -> Fact {
        try await call { [native] in try native.addFact(fact: fact.native) }
    }

    /// Active facts that a new one would collide with: the same subject with another target, or a photo at least so similar
    /// (cosine, -1 to 1; 0.95 is nearly the same picture). Nothing is stored: supersede one, add the new fact beside them, or
    /// leave it.
    public func conflicts(with fact: NewFact, similarity: Float = 0.95) async throws -> [Conflict] {
        try await call { [native] in try native.conflicts(fact: fact.native, similarity: similarity) }
    }

    /// Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is found
    /// by, and a new statement takes the old one's place among the texts.
    @discardableResult
    public func edit(_ id: Fact.ID, to fact: NewFact) async throws -> Fact {
        try await call { [native] in try native.editFact(id: id, fact: fact.native) }
    }

    /// Stores a correction in place of another one, which stays in the library and fires no more; one undo takes both back.
    @discardableResult
    public func supersede(_ old: Fact.ID, with fact: NewFact) async throws -> Fact {
        try await call { [native] in try native.supersedeFact(old: old, fact: fact.native) }
    }

    /// Stores a correction in place of several others, such as all that ``conflicts(with:similarity:)`` names, as one change;
    /// `supersedes` of the new fact names the first. Throws `invalidInput` when there is none, or one is replaced or deleted
    /// already.
    @discardableResult
    public func supersede(_ old: [Fact.ID], with fact: NewFact) async throws -> Fact {
        try await call { [native] in try native.supersedeFacts(old: old, fact: fact.native) }
    }

    /// Lets a disabled fact fire again.
    @discardableResult
    public func enable(_ id: Fact.ID) async throws -> Fact {
        try await call { [native] in try native.enableFact(id: id) }
    }

    /// Keeps a fact from firing until it is enabled.
    @discardableResult
    public func disable(_ id: Fact.ID) async throws -> Fact {
        try await call { [native] in try native.disableFact(id: id) }
    }

    /// Deletes a fact; its history stays, and an undo brings it back.
    @discardableResult
    public func delete(_ id: Fact.ID) async throws -> Fact {
        try await call { [native] in try native.deleteFact(id: id) }
    }

    /// Erases a fact for good, from every file of the library. It can't be undone; the receipt says that it is done.
    @discardableResult
    public func forget(_ id: Fact.ID) async throws -> Receipt {
        try await call { [native] in try native.forgetFact(id: id) }
    }

    /// Receipts of all forgotten facts, oldest first.
    public func receipts() async throws -> [Receipt] {
        try await call { [native] in try native.receipts() }
    }

    /// What a fact is found by, in the order of adding; throws `notFound` for an unknown fact.
    public func keys(of id: Fact.ID) async throws -> [FactKey] {
        try await call { [native] in try native.factKeys(id: id) }
    }

    /// The small copy of a photo, where the library keeps one, see ``OpenOptions/keepThumbnails``; throws `notFound` for an
    /// unknown key.
    public func thumbnail(of key: FactKey.ID) async throws -> Photo? {
        try await call { [native] in try native.thumbnail(key: key).map(Photo.init(encoded:)) }
    }

    /// One fact, whatever its state; throws `notFound` when there is none.
    public func fact(_ id: Fact.ID) async throws -> Fact {
        try await call { [native] in try native.fact(id: id) }
    }

    /// The facts that pass every filter, newest first.
    ///
    /// - Parameters:
    ///   - states: only facts in one of these; empty: every state but deleted and forgotten.
    ///   - source: only facts with exactly this source.
    ///   - subject: only facts with exactly this subject, upper and lower case of ASCII letters alike.
    ///   - moment: only facts that hold then.
    ///   - offset: skips that many.
    ///   - limit: most facts to return; nil: all.
    public func facts(
        states: [FactState] = [], source: String? = nil, subject: String? = nil, validAt moment: Date? = nil,
        offset: Int = 0, limit: Int? = nil
    ) async throws -> [Fact] {
        try await call { [native] in
            let filter = FactFilter(
                states: states, source: source, subject: subject, validAt: moment?.milliseconds,
                offset: try whole(offset, "offset"), limit: try limit.map { try whole($0, "limit") })
            return try native.facts(filter: filter)
        }
    }

    /// Facts that hold all these words, the last of which may be begun only; best match first. Throws `invalidInput` when
    /// `words` is empty or longer than 500 characters.
    public func search(_ words: String, limit: Int = 20) async throws -> [Fact] {
        try await call { [native] in try native.searchFacts(words: words, limit: whole(limit, "limit")) }
    }

    /// Changes, newest first, of one fact or of all.
    public func history(of id: Fact.ID? = nil, limit: Int = 100) async throws -> [HistoryEntry] {
        try await call { [native] in try native.history(fact: id, limit: whole(limit, "limit")) }
    }

    /// A fact as it was right after a change of the history, which is named by its `seq`. Throws `notFound` where the fact did
    /// not exist then, or is forgotten.
    public func fact(_ id: Fact.ID, asOf seq: HistoryEntry.ID) async throws -> Fact {
        try await call { [native] in try native.factAsOf(id: id, seq: seq) }
    }

    /// Makes a fact what it was right after a change of the history. That is a change of its own, which an undo takes back.
    /// Throws as ``fact(_:asOf:)``.
    @discardableResult
    public func restore(_ id: Fact.ID, to seq: HistoryEntry.ID) async throws -> Fact {
        try await call { [native] in try native.restoreFact(id: id, seq: seq) }
    }

    /// Takes back the newest change that stands; every fact it touched is exactly as it was. Nil: there is none.
    @discardableResult
    public func undo() async throws -> HistoryEntry? {
        try await call { [native] in try native.undo() }
    }

    /// Brings the change back that was undone last, unless something else was done since. Nil: there is none.
    @discardableResult
    public func redo() async throws -> HistoryEntry? {
        try await call { [native] in try native.redo() }
    }
}
