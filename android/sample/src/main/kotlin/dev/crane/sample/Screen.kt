package dev.crane.sample

import androidx.compose.foundation.Image
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.safeDrawingPadding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.ImageBitmap
import androidx.compose.ui.text.font.FontStyle
import androidx.compose.ui.unit.dp
import dev.crane.Fact

/** The one screen: photo, question, answer, why, and the facts that were stated. */
@Composable
fun Screen(session: Session, state: SessionState, photo: ImageBitmap?, onTake: () -> Unit, onPick: () -> Unit) {
    Surface(Modifier.fillMaxSize()) {
        Column(
            Modifier.safeDrawingPadding().verticalScroll(rememberScrollState()).padding(16.dp),
            verticalArrangement = Arrangement.spacedBy(12.dp),
        ) {
            Photo(photo, onTake, onPick)
            Asking(session, state)
            if (state.answer.isNotEmpty() || state.thought.isNotEmpty()) Answered(session, state)
            Facts(session, state.facts)
        }
    }
    state.message?.let { Message(it, session::dismiss) }
}

@Composable
private fun Photo(photo: ImageBitmap?, onTake: () -> Unit, onPick: () -> Unit) {
    if (photo != null) {
        Image(photo, contentDescription = "The photo", Modifier.fillMaxWidth().height(240.dp))
    }
    Row(horizontalArrangement = Arrangement.spacedBy(8.dp)) {
        Button(onClick = onTake) { Text("Take a photo") }
        OutlinedButton(onClick = onPick) { Text("Pick one") }
    }
}

@Composable
private fun Asking(session: Session, state: SessionState) {
    OutlinedTextField(
        value = state.question,
        onValueChange = session::type,
        label = { Text("Question") },
        modifier = Modifier.fillMaxWidth(),
    )
    if (state.asking) {
        OutlinedButton(onClick = session::stop) { Text("Stop") }
    } else {
        Button(onClick = session::ask, enabled = state.question.isNotBlank()) { Text("Ask") }
    }
}

@Composable
private fun Answered(session: Session, state: SessionState) {
    var correcting by remember { mutableStateOf(false) }
    var asksWhy by remember { mutableStateOf(false) }
    Text(state.answer.ifEmpty { "…" }, style = MaterialTheme.typography.headlineSmall)
    Row(horizontalArrangement = Arrangement.spacedBy(8.dp)) {
        OutlinedButton(onClick = { correcting = true }, enabled = !state.asking) { Text("That's wrong") }
        TextButton(onClick = { asksWhy = !asksWhy }) { Text(if (asksWhy) "Hide why" else "Why?") }
    }
    if (asksWhy) {
        Text(state.thought, fontStyle = FontStyle.Italic)
        reasons(state).forEach { Text(it, style = MaterialTheme.typography.bodySmall) }
    }
    if (correcting) {
        Correction(
            onDone = { statement, target ->
                correcting = false
                session.correct(statement, target)
            },
            onDismiss = { correcting = false },
        )
    }
}

@Composable
private fun Correction(onDone: (statement: String, target: String) -> Unit, onDismiss: () -> Unit) {
    var statement by remember { mutableStateOf("") }
    var target by remember { mutableStateOf("") }
    AlertDialog(
        onDismissRequest = onDismiss,
        title = { Text("What is right?") },
        text = {
            Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
                OutlinedTextField(statement, { statement = it }, label = { Text("In a sentence") })
                OutlinedTextField(target, { target = it }, label = { Text("In a word or two") })
            }
        },
        confirmButton = {
            TextButton(onClick = { onDone(statement, target) }, enabled = statement.isNotBlank()) { Text("Remember") }
        },
        dismissButton = { TextButton(onClick = onDismiss) { Text("Cancel") } },
    )
}

@Composable
private fun Facts(session: Session, facts: List<Fact>) {
    var forgetting by remember { mutableStateOf<Fact?>(null) }
    Row(verticalAlignment = Alignment.CenterVertically) {
        Text("What you have corrected", Modifier.weight(1f), style = MaterialTheme.typography.titleMedium)
        TextButton(onClick = { session.undo() }) { Text("Undo") }
    }
    facts.forEach { fact ->
        Row(verticalAlignment = Alignment.CenterVertically) {
            Text("${fact.statement} (${fact.state.name.lowercase()})", Modifier.weight(1f))
            TextButton(onClick = { forgetting = fact }) { Text("Forget") }
        }
    }
    forgetting?.let { fact ->
        AlertDialog(
            onDismissRequest = { forgetting = null },
            title = { Text("Forget it for good?") },
            text = { Text("It is erased from this device, and can't be brought back.") },
            confirmButton = {
                TextButton(onClick = { forgetting = null; session.forget(fact) }) { Text("Forget") }
            },
            dismissButton = { TextButton(onClick = { forgetting = null }) { Text("Keep") } },
        )
    }
}

@Composable
private fun Message(text: String, onDismiss: () -> Unit) {
    AlertDialog(
        onDismissRequest = onDismiss,
        text = { Text(text) },
        confirmButton = { TextButton(onClick = onDismiss) { Text("OK") } },
    )
}
