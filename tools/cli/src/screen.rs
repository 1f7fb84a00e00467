//! How things look: styles, figures, and the lines that say which fact fired.
//!
//! Styles are written always; `anstream` drops them where the output is no terminal, or `NO_COLOR` is set.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use crane_core::library::Collision;
use crane_core::{Decision, Fact, FactState, PassReason, StageTimes, Trace};
use serde::Serialize;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const HEAD: Style = AnsiColor::Cyan.on_default().bold();

/// Width of the labels on the left.
const LABEL: usize = 9;

/// A label and the room that it takes.
pub(crate) fn label(name: &str) -> String {
    format!("{HEAD}{name:LABEL$}{HEAD:#}")
}

/// The same room, empty.
pub(crate) fn indent() -> String {
    " ".repeat(LABEL)
}

/// Standard output, with styles where they are wanted.
pub(crate) fn stdout() -> impl Write {
    anstream::stdout()
}

/// One JSON value on standard output.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(stdout(), "{text}")
}

/// Microseconds as people read them.
pub(crate) fn time(us: u64) -> String {
    match us {
        0..=999 => format!("{us} µs"),
        1_000..=999_999 => format!("{} ms", us / 1_000),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

/// Which fact fired and how clearly, or why none did.
pub(crate) fn write_decision(out: &mut impl Write, decision: &Decision, fact: Option<&Fact>) -> io::Result<()> {
    if let Some(fact) = fact {
        let (statement, mark) = (one_line(&fact.statement), untrusted(fact));
        writeln!(out, "{}{GOOD}{statement}{GOOD:#}  {DIM}{}{DIM:#}{mark}", label("fact"), short_id(fact))?;
    }
    let words = decision_words(decision);
    let lead = if fact.is_some() { indent() } else { label("fact") };
    writeln!(out, "{lead}{DIM}{words}{DIM:#}")
}

/// A decision in words.
pub(crate) fn decision_words(decision: &Decision) -> String {
    match decision {
        Decision::Fire { score, threshold, confidence, margin, .. } => {
            let margin = margin.map_or_else(|| "no other fact near".to_owned(), |margin| format!("margin {margin:.2}"));
            format!("score {score:.2} (needs {threshold:.2}) · {margin} · confidence {}", percent(*confidence))
        }
        Decision::Pass { reason: PassReason::EmptyIndex } => "none: no fact can be found this way".to_owned(),
        Decision::Pass { reason: PassReason::BelowThreshold { best, threshold, .. } } => {
            format!("none applies: the nearest scores {:.2} and needs {threshold:.2}", best.score)
        }
    }
}

/// Hits, backends, tokens and stages, for `--verbose`.
pub(crate) fn write_details(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    for (place, hit) in trace.hits.iter().enumerate() {
        let lead = if place == 0 { label("hits") } else { indent() };
        writeln!(out, "{lead}{DIM}{:.4}  {}  key {}{DIM:#}", hit.score, hit.fact, hit.key.0)?;
    }
    writeln!(out, "{}{DIM}{}{DIM:#}", label("encoder"), trace.encoder)?;
    if let Some(reply) = &trace.reply {
        let (read, kept) = (reply.prompt_tokens - reply.kept_tokens, reply.kept_tokens);
        let (written, guessed) = (reply.reply_tokens, reply.accepted_tokens);
        let tokens = format!("{read} tokens read, {kept} kept, {written} written, {guessed} of them guessed ahead");
        writeln!(out, "{}{DIM}{} · {tokens}{DIM:#}", label("language"), reply.device)?;
    }
    writeln!(out, "{}{DIM}{}{DIM:#}", label("time"), stages(&trace.times))
}

/// Every stage that took time.
pub(crate) fn stages(times: &StageTimes) -> String {
    let StageTimes { load_us, decode_us, embed_us, search_us, recall_us, image_us, prompt_us, generate_us, .. } =
        *times;
    let all = [
        ("loading", load_us),
        ("photo", decode_us),
        ("embedding", embed_us),
        ("search", search_us),
        ("recall", recall_us),
        ("seeing", image_us),
        ("prompt", prompt_us),
        ("reply", generate_us),
    ];
    let spent = all.into_iter().filter(|(_, us)| *us > 0).map(|(name, us)| format!("{name} {}", time(us)));
    spent.collect::<Vec<_>>().join(" · ")
}

/// The mark of a fact that came in a pack of somebody who isn't trusted.
pub(crate) fn untrusted(fact: &Fact) -> String {
    let is_untrusted = fact.origin.is_some_and(|origin| !origin.trusted);
    if is_untrusted { format!("  {BAD}untrusted{BAD:#}") } else { String::new() }
}

/// 0 to 1 as a percentage.
pub(crate) fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The first digits of a fact's id, enough to name it by.
pub(crate) fn short_id(fact: &Fact) -> String {
    fact.id.to_string().chars().take(8).collect()
}

/// Why one fact stands against another.
pub(crate) fn collision(collision: &Collision) -> String {
    match collision {
        Collision::Subject => "same subject, another target".to_owned(),
        Collision::Picture(score) => format!("picture {} alike", percent(*score)),
    }
}

pub(crate) fn state_name(state: FactState) -> &'static str {
    match state {
        FactState::Active => "active",
        FactState::Disabled => "disabled",
        FactState::Superseded => "superseded",
        FactState::Deleted => "deleted",
        FactState::Forgotten => "forgotten",
    }
}

/// A text on one line, without characters that move a terminal's cursor.
pub(crate) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A text whose control and direction characters can do nothing to a terminal. New lines stay.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// Bytes as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..=1_023 => format!("{bytes} bytes"),
        1_024..=1_048_575 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

/// "1 photo", "3 photos".
pub(crate) fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_cannot_drive_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2J\r\n b\u{202e}"), "a\u{fffd}[2J b\u{fffd}");
        assert_eq!(printable("a\nb\u{7}"), "a\nb\u{fffd}");
    }

    #[test]
    fn times_read_well() {
        assert_eq!([time(7), time(8_300), time(1_234_567)], ["7 µs", "8 ms", "1.23 s"]);
    }
}
