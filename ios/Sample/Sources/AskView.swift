import Crane
import PhotosUI
import SwiftUI

/// A photo, a question, the answer; and what one does about it.
struct AskView: View {
    @ObservedObject var conversation: Conversation
    @State private var picked: PhotosPickerItem?
    @State private var isTakingPhoto = false
    @State private var isCorrecting = false
    @State private var isAskingWhy = false

    var body: some View {
        NavigationStack {
            Form {
                photoSection
                Section("Question") {
                    TextField("What do you want to know?", text: $conversation.question)
                    if conversation.isAsking {
                        Button("Stop") { Task { await conversation.stop() } }
                    } else {
                        Button("Ask") { conversation.ask() }
                            .disabled(!conversation.isReady || conversation.question.isEmpty)
                    }
                }
                answerSection
                FactsSection(conversation: conversation)
            }
            .navigationTitle("Crane")
        }
        .sheet(isPresented: $isTakingPhoto) {
            CameraView { image in take { try Photo(image) } }
        }
        .sheet(isPresented: $isCorrecting) {
            CorrectView(conversation: conversation)
        }
        .sheet(isPresented: $isAskingWhy) {
            if let answer = conversation.answer {
                WhyView(answer: answer)
            }
        }
        .alert("That did not work", isPresented: hasFailed) {
            Button("OK") {}
        } message: {
            Text(conversation.failure ?? "")
        }
        .onChange(of: picked) { item in
            Task { await load(item) }
        }
    }

    private var photoSection: some View {
        Section("Photo") {
            if let photo = conversation.photo, let image = UIImage(data: photo.data) {
                Image(uiImage: image)
                    .resizable()
                    .scaledToFit()
                    .frame(maxHeight: 240)
            }
            PhotosPicker("Pick a photo", selection: $picked, matching: .images)
            if UIImagePickerController.isSourceTypeAvailable(.camera) {
                Button("Take a photo") { isTakingPhoto = true }
            }
            if let demo = Bundle.main.url(forResource: "gate", withExtension: "jpg", subdirectory: "tiny/demo") {
                Button("Use the demo's photo") { take { try Photo(contentsOf: demo) } }
            }
        }
    }

    private var answerSection: some View {
        Section("Answer") {
            if !conversation.thought.isEmpty {
                Text(conversation.thought)
                    .font(.footnote)
                    .foregroundColor(.secondary)
            }
            Text(conversation.text)
            if conversation.answer != nil {
                Button("Why?") { isAskingWhy = true }
                Button("That is wrong…") { isCorrecting = true }
            } else if conversation.isAsking {
                ProgressView()
            }
        }
    }

    private var hasFailed: Binding<Bool> {
        Binding(get: { conversation.failure != nil }, set: { if !$0 { conversation.failure = nil } })
    }

    private func load(_ item: PhotosPickerItem?) async {
        guard let item else { return }
        do {
            guard let data = try await item.loadTransferable(type: Data.self) else { return }
            take { Photo(data) }
        } catch {
            conversation.failure = error.localizedDescription
        }
    }

    /// Photos are encoded, HEIC becomes JPEG: away from the main thread, since it takes a moment.
    private func take(_ photo: @escaping @Sendable () throws -> Photo) {
        Task {
            do {
                conversation.photo = try await Task.detached(operation: photo).value
            } catch {
                conversation.failure = error.localizedDescription
            }
        }
    }
}
