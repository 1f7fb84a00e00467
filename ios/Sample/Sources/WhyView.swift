import Crane
import SwiftUI

/// Why the answer is as it is: which fact fired or why none did, how clearly, and where the time went.
struct WhyView: View {
    let answer: Answer

    var body: some View {
        NavigationStack {
            List {
                Section("Correction") {
                    Text(verdict)
                    if let fact = answer.fact {
                        Text(fact.statement)
                    }
                }
                Section("Figures") {
                    ForEach(figures, id: \.name) { figure in
                        LabeledContent(figure.name, value: figure.value)
                    }
                }
            }
            .navigationTitle("Why?")
        }
    }

    private var verdict: String {
        switch answer.trace.decision {
        case .fire: "A correction applies, and the model was told it."
        case .pass(.emptyIndex): "There is no correction of this kind."
        case .pass(.belowThreshold): "No correction is near enough; the model answered by itself."
        }
    }

    private var figures: [(name: String, value: String)] {
        let trace = answer.trace
        var figures = [("Searched", "\(trace.route)s"), ("Threshold", number(trace.threshold))]
        switch trace.decision {
        case .fire(_, let score, _, let confidence, _, let margin):
            figures += [("Similarity", number(score)), ("Confidence", number(confidence))]
            figures += margin.map { [("Ahead of the next", number($0))] } ?? []
        case .pass(.belowThreshold(let best, let confidence, _)):
            figures += [("Nearest", number(best.score)), ("Confidence", number(confidence))]
        case .pass(.emptyIndex):
            break
        }
        if let reply = trace.reply {
            figures += [
                ("Cited in the thought", reply.cited.map { $0 ? "yes" : "no" } ?? "-"), ("Computed on", reply.device),
            ]
        }
        return figures + [("Time", String(format: "%.1f s", Double(trace.times.totalUs) / 1e6))]
    }

    private func number(_ value: Float) -> String { String(format: "%.3f", value) }
}
