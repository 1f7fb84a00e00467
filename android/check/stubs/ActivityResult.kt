package androidx.activity.result

import androidx.activity.result.contract.ActivityResultContracts

public abstract class ActivityResultLauncher<I> {
    public abstract fun launch(input: I)
}

public class PickVisualMediaRequest

public fun PickVisualMediaRequest(type: ActivityResultContracts.PickVisualMedia.VisualMediaType): PickVisualMediaRequest =
    TODO()
