import SwiftUI

@main
struct SampleApp: App {
    @StateObject private var conversation = Conversation()

    var body: some Scene {
        WindowGroup {
            AskView(conversation: conversation)
                .task { await conversation.open() }
        }
    }
}
