//! The table at the end of the demo.

use std::io::{self, Write};

use crane_core::Decision;

use super::{Asked, Scene, Told};
use crate::screen::{self, BAD, BOLD, DIM, GOOD};

const HEADS: [&str; 5] = ["question", "answer", "expected", "fact", "time"];
/// No column is wider, in characters.
const WIDEST: usize = 38;

/// Every question with its answer, what was expected, which fact fired, and the time.
pub(crate) fn write(out: &mut impl Write, told: &Told) -> io::Result<()> {
    let asked: Vec<&Asked> = told.asked().collect();
    let rows: Vec<[String; 5]> = asked.iter().map(|asked| row(asked)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEADS[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    writeln!(out, "\n   {BOLD}{}{BOLD:#}", line(&HEADS.map(str::to_owned), &widths))?;
    for (row, asked) in rows.iter().zip(&asked) {
        let (style, mark) = match asked.as_expected {
            Some(true) => (GOOD, '✓'),
            Some(false) => (BAD, '✗'),
            None => (DIM, '·'),
        };
        writeln!(out, " {style}{mark}{style:#} {}", line(row, &widths))?;
    }
    let (met, judged) = told.met();
    writeln!(out, "\n{BOLD}{met} of {judged}{BOLD:#} answers as expected")
}

impl Told {
    /// The questions of the story.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.scenes.iter().filter_map(|scene| match scene {
            Scene::Asked(asked) => Some(&**asked),
            Scene::Corrected(_) => None,
        })
    }

    /// How many answers were as expected, of those where something was.
    pub(crate) fn met(&self) -> (usize, usize) {
        let judged: Vec<bool> = self.asked().filter_map(|asked| asked.as_expected).collect();
        (judged.iter().filter(|met| **met).count(), judged.len())
    }
}

/// The fact that fired and its score, in short.
pub(crate) fn fired(asked: &Asked) -> String {
    match (&asked.answer.trace.decision, &asked.answer.fact) {
        (Decision::Fire { score, .. }, Some(fact)) => {
            let name = fact.target.as_deref().unwrap_or(&fact.statement);
            format!("{} {score:.2}", cut(&screen::one_line(name), 20))
        }
        (decision, _) => decision.best_score().map_or_else(|| "–".to_owned(), |best| format!("– ({best:.2})")),
    }
}

fn row(asked: &Asked) -> [String; 5] {
    let text = |text: &str| cut(&screen::one_line(text), WIDEST);
    let expected = asked.expect.as_deref().unwrap_or("–");
    let time = screen::time(asked.answer.trace.times.total_us);
    [text(&asked.question), text(&asked.answer.text), text(expected), fired(asked), time]
}

fn line(cells: &[String; 5], widths: &[usize; 5]) -> String {
    let pad = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width - cell.chars().count()));
    cells.iter().zip(widths).map(pad).collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cells_are_cut_by_characters() {
        assert_eq!(cut("Brasenose", 9), "Brasenose");
        assert_eq!(cut("Größenwahn", 5), "Größ…");
    }
}
