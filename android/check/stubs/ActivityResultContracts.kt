package androidx.activity.result.contract

import android.net.Uri
import androidx.activity.result.PickVisualMediaRequest

public abstract class ActivityResultContract<I, O>

public class ActivityResultContracts private constructor() {
    public class PickVisualMedia : ActivityResultContract<PickVisualMediaRequest, Uri?>() {
        public sealed interface VisualMediaType

        public object ImageOnly : VisualMediaType
    }

    public class TakePicture : ActivityResultContract<Uri, Boolean>()
}
