package dev.crane.sample

import android.graphics.BitmapFactory
import android.net.Uri
import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts
import androidx.compose.material3.MaterialTheme
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.produceState
import androidx.compose.ui.graphics.ImageBitmap
import androidx.compose.ui.graphics.asImageBitmap
import androidx.core.content.FileProvider
import dev.crane.android.readPhoto
import java.io.File
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

class MainActivity : ComponentActivity() {
    private val session get() = (application as SampleApp).session

    private val pick = registerForActivityResult(ActivityResultContracts.PickVisualMedia()) { uri ->
        if (uri != null) show(uri)
    }

    private val take = registerForActivityResult(ActivityResultContracts.TakePicture()) { taken ->
        if (taken) show(address())
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContent {
            val state by session.state.collectAsState()
            val photo by produceState<ImageBitmap?>(null, state.photo) { value = state.photo?.let { decode(it) } }
            MaterialTheme {
                Screen(
                    session = session,
                    state = state,
                    photo = photo,
                    onTake = { take.launch(address()) },
                    onPick = { pick.launch(PickVisualMediaRequest(ActivityResultContracts.PickVisualMedia.ImageOnly)) },
                )
            }
        }
    }

    private fun show(uri: Uri) {
        val resolver = applicationContext.contentResolver
        session.show { resolver.readPhoto(uri) }
    }

    /** The file into which the camera app puts its photo; the next one takes its place. */
    private fun address(): Uri {
        val file = File(cacheDir, "photos/photo.jpg")
        file.parentFile?.mkdirs()
        return FileProvider.getUriForFile(this, "$packageName.photos", file)
    }

    private suspend fun decode(photo: ByteArray): ImageBitmap? = withContext(Dispatchers.Default) {
        val options = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeByteArray(photo, 0, photo.size, options)
        // Enough for a screen, whatever the camera makes.
        options.inSampleSize = maxOf(1, maxOf(options.outWidth, options.outHeight) / 1024)
        options.inJustDecodeBounds = false
        BitmapFactory.decodeByteArray(photo, 0, photo.size, options)?.asImageBitmap()
    }
}
