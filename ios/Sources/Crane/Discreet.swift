import CraneBindings

/// A value with a person's words, photos or keys in it: printing, logging or dumping it shows its type alone.
public protocol Discreet: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension Discreet {
    public var description: String { "\(Self.self)(…)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension CraneBindings.Fact: Discreet {}
extension CraneBindings.Answer: Discreet {}
extension CraneBindings.NewFact: Discreet {}
extension CraneBindings.FactFilter: Discreet {}
extension CraneBindings.Question: Discreet {}
extension CraneBindings.OpenOptions: Discreet {}
extension CraneBindings.AnswerEvent: Discreet {}
extension CraneBindings.ExportOptions: Discreet {}
extension CraneBindings.Key: Discreet {}
