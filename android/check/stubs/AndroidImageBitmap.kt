package androidx.compose.ui.graphics

import android.graphics.Bitmap

public fun Bitmap.asImageBitmap(): ImageBitmap = TODO()
