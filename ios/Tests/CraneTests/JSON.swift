import Foundation

/// A value of a contract script, and an outcome that is compared with it.
enum JSON: Hashable, Sendable, Decodable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([JSON].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    /// A member of an object; nil where there is none, and where there is `null`.
    subscript(name: String) -> JSON? {
        guard case .object(let members) = self, let value = members[name], value != .null else { return nil }
        return value
    }

    var members: [String: JSON] {
        if case .object(let members) = self { members } else { [:] }
    }

    var items: [JSON] {
        if case .list(let items) = self { items } else { [] }
    }

    var string: String? {
        if case .text(let text) = self { text } else { nil }
    }

    var bool: Bool? {
        if case .bool(let bool) = self { bool } else { nil }
    }

    var double: Double? {
        if case .number(let number) = self { number } else { nil }
    }

    var int: Int? { double.map { Int($0) } }

    init(_ text: String?) {
        self = text.map(JSON.text) ?? .null
    }

    init(_ number: Int64?) {
        self = number.map { .number(Double($0)) } ?? .null
    }
}
