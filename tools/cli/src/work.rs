//! Long work under a bar, and questions to the person.

use std::io::{self, BufRead, IsTerminal, Write};

use crane_core::CancelToken;
use indicatif::{ProgressBar, ProgressStyle};

use crate::context::Context;
use crate::screen::{self, BOLD};

/// Runs work under a progress bar; Ctrl-C ends it, and nothing of it remains. A bar is seen on terminals only.
pub(crate) fn watched<T>(
    name: &'static str,
    cancel: &CancelToken,
    work: impl FnOnce(&mut dyn FnMut(u64, u64) -> crane_core::Result<()>) -> crane_core::Result<T>,
) -> crane_core::Result<T> {
    let style = ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len}  {eta} left");
    let bar = ProgressBar::new(0).with_message(name);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let result = work(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        cancel.check()
    });
    bar.finish_and_clear();
    result
}

/// Whether there is a person to ask.
pub(crate) fn can_ask(context: &Context) -> bool {
    !context.json && io::stdin().is_terminal()
}

/// Asks until one of the choices is named, by its beginning; an empty line is none of them.
pub(crate) fn ask<'a>(question: &str, choices: &[&'a str]) -> io::Result<Option<&'a str>> {
    let mut out = screen::stdout();
    loop {
        write!(out, "{BOLD}{question}{BOLD:#} [{}] ", choices.join("/"))?;
        out.flush()?;
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 || answer.trim().is_empty() {
            return Ok(None);
        }
        let answer = answer.trim().to_ascii_lowercase();
        if let Some(choice) = choices.iter().find(|choice| choice.starts_with(&answer)) {
            return Ok(Some(choice));
        }
    }
}
