// As much of SwiftUI as the sample uses, for type-checking; nothing is ever shown.
@_exported import Combine
@_exported import UIKit

@MainActor @preconcurrency
public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { return fatalError("a stub") }
}

/// What every stub's body is.
public struct Stub: View {
    public nonisolated init() {}
    public var body: Never { return fatalError("a stub") }
}

extension Optional: View where Wrapped: View {
    public var body: Never { return fatalError("a stub") }
}

@resultBuilder
public enum ViewBuilder {
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> Stub { Stub() }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
    public static func buildEither<Content: View>(first: Content) -> Stub { Stub() }
    public static func buildEither<Content: View>(second: Content) -> Stub { Stub() }
}

// MARK: Apps

@MainActor @preconcurrency
public protocol Scene {}

@MainActor @preconcurrency
public protocol App {
    associatedtype Body: Scene
    var body: Body { get }
    init()
}

extension App {
    public static func main() { fatalError("a stub") }
}

public struct WindowGroup: Scene {
    public init(@ViewBuilder content: () -> some View) {}
}

// MARK: State

@propertyWrapper
public struct Binding<Value> {
    private let get: () -> Value
    private let set: (Value) -> Void

    public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) { (self.get, self.set) = (get, set) }

    public var wrappedValue: Value {
        get { get() }
        nonmutating set { set(newValue) }
    }
}

@propertyWrapper
public struct State<Value> {
    private let value: Value
    public init(wrappedValue: Value) { value = wrappedValue }
    public var wrappedValue: Value {
        get { value }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { fatalError("a stub") }
}

extension State where Value: ExpressibleByNilLiteral {
    public init() { self.init(wrappedValue: nil) }
}

@propertyWrapper
public struct StateObject<Model: ObservableObject> {
    private let make: () -> Model
    public init(wrappedValue: @autoclosure @escaping () -> Model) { make = wrappedValue }
    public var wrappedValue: Model { make() }
}

@propertyWrapper
public struct ObservedObject<Model: ObservableObject> {
    @dynamicMemberLookup
    public struct Wrapper {
        public subscript<Value>(dynamicMember path: ReferenceWritableKeyPath<Model, Value>) -> Binding<Value> {
            fatalError("a stub")
        }
    }

    public let wrappedValue: Model
    public init(wrappedValue: Model) { self.wrappedValue = wrappedValue }
    public var projectedValue: Wrapper { Wrapper() }
}

public struct DismissAction: Sendable {
    @MainActor public func callAsFunction() {}
}

public struct EnvironmentValues {
    public var dismiss: DismissAction { DismissAction() }
}

@propertyWrapper
public struct Environment<Value> {
    private let path: KeyPath<EnvironmentValues, Value>
    public init(_ path: KeyPath<EnvironmentValues, Value>) { self.path = path }
    public var wrappedValue: Value { EnvironmentValues()[keyPath: path] }
}

// MARK: Views

public typealias Action = @MainActor () -> Void

public struct Text: View {
    public init(_ text: String) {}
    public var body: Stub { Stub() }
}

public struct Image: View {
    public init(uiImage: UIImage) {}
    public func resizable() -> Image { self }
    public var body: Stub { Stub() }
}

public struct ButtonRole: Sendable {
    public static let destructive = ButtonRole()
}

public struct Button: View {
    public init(_ title: String, role: ButtonRole? = nil, action: @escaping Action) {}
    public var body: Stub { Stub() }
}

public struct TextField: View {
    public init(_ title: String, text: Binding<String>) {}
    public var body: Stub { Stub() }
}

public struct ProgressView: View {
    public init() {}
    public var body: Stub { Stub() }
}

public struct LabeledContent: View {
    public init(_ title: String, value: String) {}
    public var body: Stub { Stub() }
}

public struct Form: View {
    public init(@ViewBuilder content: () -> some View) {}
    public var body: Stub { Stub() }
}

public struct List: View {
    public init(@ViewBuilder content: () -> some View) {}
    public var body: Stub { Stub() }
}

public struct NavigationStack: View {
    public init(@ViewBuilder root: () -> some View) {}
    public var body: Stub { Stub() }
}

public struct Section: View {
    public init(_ title: String, @ViewBuilder content: () -> some View) {}
    public var body: Stub { Stub() }
}

public struct ForEach: View {
    public init<Data: RandomAccessCollection>(_ data: Data, @ViewBuilder content: (Data.Element) -> some View)
    where Data.Element: Identifiable {}
    public init<Data: RandomAccessCollection, ID: Hashable>(
        _ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder content: (Data.Element) -> some View
    ) {}
    public var body: Stub { Stub() }
}

// MARK: Modifiers

public struct Font: Sendable {
    public static let footnote = Font()
}

public struct Color: Sendable {
    public static let secondary = Color()
}

extension View {
    public func task(_ action: @escaping @MainActor () async -> Void) -> some View { Stub() }
    public func disabled(_ disabled: Bool) -> some View { Stub() }
    public func font(_ font: Font?) -> some View { Stub() }
    public func foregroundColor(_ color: Color?) -> some View { Stub() }
    public func frame(maxHeight: CGFloat?) -> some View { Stub() }
    public func navigationTitle(_ title: String) -> some View { Stub() }
    public func onChange<Value: Equatable>(of value: Value, perform action: @escaping (Value) -> Void) -> some View {
        Stub()
    }
    public func scaledToFit() -> some View { Stub() }
    public func sheet(isPresented: Binding<Bool>, @ViewBuilder content: @escaping () -> some View) -> some View { Stub() }
    public func swipeActions(@ViewBuilder content: () -> some View) -> some View { Stub() }
    public func alert(
        _ title: String, isPresented: Binding<Bool>, @ViewBuilder actions: () -> some View,
        @ViewBuilder message: () -> some View
    ) -> some View { Stub() }
}

// MARK: UIKit

@MainActor @preconcurrency
public protocol UIViewControllerRepresentable: View where Body == Never {
    associatedtype Controller: UIViewController
    associatedtype Coordinator = Void
    typealias Context = RepresentableContext<Self>
    func makeUIViewController(context: Context) -> Controller
    func updateUIViewController(_ controller: Controller, context: Context)
    func makeCoordinator() -> Coordinator
}

extension UIViewControllerRepresentable {
    public var body: Never { return fatalError("a stub") }
}

@MainActor @preconcurrency
public struct RepresentableContext<Representable: UIViewControllerRepresentable> {
    public let coordinator: Representable.Coordinator
}
