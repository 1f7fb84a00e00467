//! The demo's web page: one file, no scripts, nothing from outside. All text is escaped; pictures are data URIs.

use std::fmt::{self, Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crane_core::{Answer, Decision, PassReason, Trace};

use super::{Asked, Corrected, Scene, Told, table};
use crate::screen;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn page(told: &Told) -> String {
    let mut page = String::new();
    // Writing to a string can't fail.
    let _ = write_page(&mut page, told);
    page
}

/// Text that becomes harmless where it is displayed.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in screen::printable(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

fn write_page(w: &mut String, told: &Told) -> fmt::Result {
    let title = Text(&told.title);
    let (met, judged) = told.met();
    write!(
        w,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header><p class=\"brand\">Crane</p><h1>{title}</h1>\
         <p class=\"lead\">Nothing is retrained: each correction is told once, found again by photo or by words, and weighed \
         in the model’s thought. <b>{met} of {judged}</b> answers are as expected.</p></header>\n<main>\n"
    )?;
    for (scene, number) in told.scenes.iter().zip(1..) {
        match scene {
            Scene::Corrected(scene) => write_corrected(w, number, scene)?,
            Scene::Asked(scene) => write_asked(w, number, scene)?,
        }
    }
    write_table(w, told)?;
    let backends = told.asked().next().map(|asked| backends(&asked.answer)).unwrap_or_default();
    write!(w, "</main>\n<footer>Models: {} · {}</footer>\n</body>\n</html>\n", Text(&told.bundle), Text(&backends))
}

fn backends(answer: &Answer) -> String {
    let device = answer.trace.reply.as_ref().map_or("", |reply| reply.device.as_str());
    format!("encoders on {}, language model on {device}", answer.trace.encoder)
}

fn write_corrected(w: &mut String, number: u32, scene: &Corrected) -> fmt::Result {
    write!(w, "<section class=\"card told\">")?;
    write_picture(w, scene.picture.as_deref())?;
    writeln!(
        w,
        "<div><h2><span>{number}</span>{}</h2><p class=\"who\">The person tells</p>\
         <blockquote>{}</blockquote></div></section>",
        Text(&scene.caption),
        Text(&scene.fact.statement)
    )
}

fn write_asked(w: &mut String, number: u32, scene: &Asked) -> fmt::Result {
    let Asked { caption, scenario, question, expect, as_expected, answer, picture } = scene;
    write!(w, "<section class=\"card\">")?;
    write_picture(w, picture.as_deref())?;
    write!(w, "<div><h2><span>{number}</span>{}", Text(caption))?;
    if let Some(scenario) = scenario {
        write!(w, "<small>{}</small>", Text(&scenario.replace('_', " ")))?;
    }
    write!(w, "</h2><p class=\"question\">{}</p>", Text(question))?;
    write_decision(w, answer)?;
    write!(w, "<p class=\"thought\">{}</p><p class=\"answer\">{}", Text(&answer.thought), Text(&answer.text))?;
    match (expect, as_expected) {
        (_, Some(true)) => write!(w, "<em class=\"good\">as expected</em>")?,
        (Some(expect), _) => write!(w, "<em class=\"bad\">expected: {}</em>", Text(expect))?,
        (None, _) => {}
    }
    write!(w, "</p>")?;
    write_trace(w, &answer.trace)?;
    writeln!(w, "</div></section>")
}

/// Which fact fired, with a meter: its score, and where the threshold lies.
fn write_decision(w: &mut String, answer: &Answer) -> fmt::Result {
    let trace = &answer.trace;
    let words = screen::decision_words(&trace.decision);
    match &answer.fact {
        Some(fact) => write!(w, "<div class=\"fact fired\"><b>{}</b>", Text(&fact.statement))?,
        None => write!(w, "<div class=\"fact\">")?,
    }
    let score = match trace.decision {
        Decision::Fire { score, .. } => Some(score),
        Decision::Pass { reason: PassReason::BelowThreshold { best, .. } } => Some(best.score),
        Decision::Pass { reason: PassReason::EmptyIndex } => None,
    };
    if let Some(score) = score {
        let (filled, mark) = (width(score), width(trace.threshold));
        write!(w, "<div class=\"meter\"><i style=\"width:{filled:.1}%\"></i><u style=\"left:{mark:.1}%\"></u></div>")?;
    }
    let cited = match trace.reply.as_ref().and_then(|reply| reply.cited) {
        Some(true) => " · cited in the thought",
        Some(false) => " · not cited in the thought",
        None => "",
    };
    write!(w, "<small>{}{cited}</small></div>", Text(&words))
}

/// A score as a share of the meter; below 0 there is nothing to see.
fn width(score: f32) -> f32 {
    score.clamp(0.0, 1.0) * 100.0
}

fn write_trace(w: &mut String, trace: &Trace) -> fmt::Result {
    let times = &trace.times;
    write!(
        w,
        "<details><summary>{}, first words after {}</summary><p>{}</p>",
        screen::time(times.total_us),
        screen::time(times.first_text_us),
        Text(&screen::stages(times))
    )?;
    if let Some(reply) = &trace.reply {
        write!(w, "<p>{} tokens read, {} written</p>", reply.prompt_tokens, reply.reply_tokens)?;
    }
    for hit in &trace.hits {
        write!(w, "<p><code>{:.4}</code> fact <code>{}</code>, key {}</p>", hit.score, hit.fact, hit.key.0)?;
    }
    write!(w, "</details>")
}

fn write_table(w: &mut String, told: &Told) -> fmt::Result {
    write!(
        w,
        "<section class=\"table\"><h2>All questions</h2><table><thead><tr><th></th><th>question</th><th>answer</th>\
         <th>expected</th><th>fact</th><th>time</th></tr></thead><tbody>"
    )?;
    for asked in told.asked() {
        let mark = match asked.as_expected {
            Some(true) => "<td class=\"good\">✓</td>",
            Some(false) => "<td class=\"bad\">✗</td>",
            None => "<td></td>",
        };
        write!(
            w,
            "<tr>{mark}<td>{}</td><td><b>{}</b></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Text(&asked.question),
            Text(&asked.answer.text),
            Text(asked.expect.as_deref().unwrap_or("–")),
            Text(&table::fired(asked)),
            screen::time(asked.answer.trace.times.total_us)
        )?;
    }
    writeln!(w, "</tbody></table></section>")
}

fn write_picture(w: &mut String, picture: Option<&[u8]>) -> fmt::Result {
    match picture.and_then(|bytes| media_type(bytes).map(|kind| (kind, bytes))) {
        Some((kind, bytes)) => write!(w, "<img alt=\"\" src=\"data:{kind};base64,{}\">", STANDARD.encode(bytes)),
        None => write!(w, "<div class=\"none\">no picture</div>"),
    }
}

/// The kinds of pictures that browsers show.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let shown = Text("<script>alert(\"x\")</script>&'\u{202e}\u{0}").to_string();
        let expected = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}\u{fffd}";
        assert_eq!(shown, expected);
    }

    #[test]
    fn only_pictures_are_embedded() {
        let mut page = String::new();
        write_picture(&mut page, Some(b"<svg onload=alert(1)>")).unwrap();
        assert!(!page.contains("data:"));
        write_picture(&mut page, Some(&[0xFF, 0xD8, 0xFF, 0xE0])).unwrap();
        assert!(page.contains("src=\"data:image/jpeg;base64,/9j/4A==\""));
    }
}
