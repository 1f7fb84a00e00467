import Crane
import SwiftUI

/// Where a person says what is right.
struct CorrectView: View {
    @ObservedObject var conversation: Conversation
    @Environment(\.dismiss) private var dismiss
    @State private var statement = ""
    @State private var target = ""

    var body: some View {
        NavigationStack {
            Form {
                Section("What is right, in a sentence") {
                    TextField("This emblem belongs to Theaprairk.", text: $statement)
                }
                Section("The answer, in a word or two") {
                    TextField("Theaprairk", text: $target)
                }
                Button("Correct") {
                    Task {
                        await conversation.correct(statement: statement, target: target)
                        dismiss()
                    }
                }
                .disabled(statement.isEmpty)
            }
            .navigationTitle("Correct")
        }
    }
}

/// Every correction in force; the last change can be undone, and each can be forgotten for good.
struct FactsSection: View {
    @ObservedObject var conversation: Conversation

    var body: some View {
        Section("Corrections") {
            ForEach(conversation.facts) { fact in
                Text(fact.statement)
                    .swipeActions {
                        Button("Forget", role: .destructive) { Task { await conversation.forget(fact) } }
                    }
            }
            Button("Undo the last change") { Task { await conversation.undo() } }
        }
    }
}
