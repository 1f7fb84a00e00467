package dev.crane.sample

import android.app.Application
import dev.crane.Crane
import dev.crane.android.craneOptions
import dev.crane.android.follow
import dev.crane.android.installModels
import kotlinx.coroutines.MainScope

class SampleApp : Application() {
    private val scope = MainScope()

    val session = Session(scope) {
        val crane = Crane.open(craneOptions(installModels()))
        // Of what it says the next change or question is told again.
        crane.follow(this)
        crane
    }

    override fun onCreate() {
        super.onCreate()
        session.prepare()
    }
}
