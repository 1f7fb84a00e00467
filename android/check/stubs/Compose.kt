package androidx.activity.compose

import androidx.activity.ComponentActivity
import androidx.compose.runtime.Composable

public fun ComponentActivity.setContent(content: @Composable () -> Unit): Unit = TODO()
