package androidx.core.content

import android.content.Context
import android.net.Uri
import java.io.File

public object FileProvider {
    @JvmStatic
    public fun getUriForFile(context: Context, authority: String, file: File): Uri = TODO()
}
