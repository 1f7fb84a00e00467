import Foundation

@testable import Crane

// What a script's values stand for, and the names of what comes out.

func kind(_ event: AnswerEvent) -> String {
    switch event {
    case .routed: "routed"
    case .decided: "decided"
    case .thinkDelta: "think"
    case .answerDelta: "answer"
    case .answered: "answered"
    }
}

func text(_ value: JSON?) -> String {
    if let repeated = value?["repeat"]?.string { return String(repeating: repeated, count: value?["times"]?.int ?? 0) }
    return value?.string ?? ""
}

func photo(_ value: JSON) throws -> Photo {
    if let byte = value["bytes"]?.int { return Photo(Data(repeating: UInt8(byte), count: value["times"]?.int ?? 0)) }
    return try Photo(contentsOf: root.appendingPathComponent(value.string ?? ""))
}

func state(_ name: String) throws -> FactState {
    let states: [FactState] = [.active, .disabled, .superseded, .deleted, .forgotten]
    guard let state = states.first(where: { "\($0)" == name }) else { throw ScriptError("no state `\(name)`") }
    return state
}

/// `notFound` as `not_found`.
func snake(_ name: String) -> String {
    name.map { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" }.joined()
}
