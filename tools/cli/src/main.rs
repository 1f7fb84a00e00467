//! `crane`: facts, questions and the demo from a terminal.

fn main() {}
