import CraneBindings

/// A question: text, with or without a photo.
public struct Question: Hashable, Sendable, Discreet {
    /// 1 to 8,000 characters.
    public var text: String
    /// The photo, if there is one.
    public var photo: Photo?
    /// Only facts with exactly this source may fire, 1 to 500 characters; nil: all may.
    public var source: String?
    /// Most tokens of the thought, after which it is closed; 0: the answer alone; nil: as the bundle has it.
    public var thoughtTokens: Int?
    /// Most tokens of the answer, 1 or more; nil: as the bundle has it.
    public var answerTokens: Int?
    /// 0: always the likeliest token; above, up to 2: drawn by chance; nil: as the bundle has it.
    public var temperature: Float?
    /// What chance draws from: the same seed, question and library give the same reply.
    public var seed: UInt64

    public init(
        _ text: String, photo: Photo? = nil, source: String? = nil, thoughtTokens: Int? = nil, answerTokens: Int? = nil,
        temperature: Float? = nil, seed: UInt64 = 0
    ) {
        self.text = text
        self.photo = photo
        self.source = source
        self.thoughtTokens = thoughtTokens
        self.answerTokens = answerTokens
        self.temperature = temperature
        self.seed = seed
    }

    func native() throws -> CraneBindings.Question {
        .init(
            text: text, image: photo?.data, source: source,
            thoughtTokens: try thoughtTokens.map { try whole($0, "thoughtTokens") },
            answerTokens: try answerTokens.map { try whole($0, "answerTokens") }, temperature: temperature, seed: seed)
    }
}

/// What happens while a question is answered, in this order; both deltas any number of times, thought first.
public enum AnswerEvent: Hashable, Sendable, Discreet {
    /// It is clear which index is searched.
    case routed(Route)
    /// It is clear whether a fact applies, and which one fired.
    case decided(Decision, Fact?)
    /// More text of the thought; all of them joined are the thought.
    case thinkDelta(String)
    /// More text of the answer; all of them joined are the answer's text.
    case answerDelta(String)
    /// The end.
    case answered(Answer)

    init(_ event: CraneBindings.AnswerEvent) {
        switch event {
        case .routed(let route): self = .routed(route)
        case .decided(let decision, let fact): self = .decided(decision, fact)
        case .thinkDelta(let text): self = .thinkDelta(text)
        case .answerDelta(let text): self = .answerDelta(text)
        }
    }
}
