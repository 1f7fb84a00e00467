//! `cargo xtask`: set-up, demo and checks of the workspace.

fn main() {}
