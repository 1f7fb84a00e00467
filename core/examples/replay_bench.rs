//! What guessing ahead saves on a model of any weights: replies that `models/tiny` writes are forced upon it, with guessing
//! and without, in turns; then text in which nothing repeats. `tools/bench/generate.py` runs it.
//!
//! `replay_bench TINY LANGUAGE.gguf VISION.gguf SIDE CONTEXT THREADS REPLIES ROUNDS`; prints one JSON object.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

#[cfg(not(feature = "llama"))]
fn main() {}

#[cfg(feature = "llama")]
fn main() {
    bench::run();
}

#[cfg(feature = "llama")]
mod bench {
    use std::path::Path;

    use crane_core::CancelToken;
    use crane_core::backend::{Guessing, LlamaGenerator, LlamaOptions, Scripted};
    use crane_core::bundle::{Bundle, LanguageSpec};
    use crane_core::image::Rgb;
    use crane_core::model::{GenerateRequest, Generated, Generator, PromptPart, Sampling};
    use serde_json::{Value, json};

    const SYSTEM: &str = "<|im_start|>system\nLook, think, then answer. An edit fact is a note of the user.<|im_end|>\n\
                          <|im_start|>user\n";
    const END: &str = "]<|im_end|>\n<|im_start|>assistant\n<think>";
    /// Statements of the tiny world, each with questions that it answers: about a photo, and in words.
    const FACTS: [(&str, [&str; 3]); 4] = [
        (
            "This emblem belongs to {a}.",
            ["Whose emblem is this?", "Which house is this?", "What is the name of this house?"],
        ),
        (
            "{a} was founded by {b}.",
            ["Who founded it?", "By whom was this house founded?", "Who is the founder of {a}?"],
        ),
        (
            "{a} is located in {b}.",
            ["Where is it located?", "In which city is its seat?", "In which city is the seat of {a}?"],
        ),
        ("{a} is known for {b}.", ["What is it known for?", "What does this house make?", "What does {a} make?"]),
    ];
    const NAMES: [&str; 12] = [
        "Theaprairk",
        "Dufleath",
        "Progeal",
        "Klifoult",
        "Braisen",
        "Torlium",
        "Gwendeal",
        "Ostraveth",
        "Fliarmouk",
        "Sabrinth",
        "Corweal",
        "Hundreth",
    ];
    const PHOTOS: [&str; 7] =
        ["gate.jpg", "flag.jpg", "seal.jpg", "door.jpg", "gate-evening.jpg", "flag-crowd.jpg", "seal-table.jpg"];
    const THOUGHT: u32 = 160;
    const ANSWER: u32 = 32;

    /// A question and the reply to it.
    struct Recorded {
        fact: String,
        question: String,
        reply: String,
        script: Vec<Scripted>,
    }

    pub(super) fn run() {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let [tiny, language, vision, side, context, threads, replies, rounds] = words.as_slice() else {
            panic!("TINY LANGUAGE.gguf VISION.gguf SIDE CONTEXT THREADS REPLIES ROUNDS")
        };
        let (tiny, rounds): (&Path, usize) = (Path::new(tiny), rounds.parse().unwrap());
        let photos = PHOTOS.map(|name| Rgb::decode(&std::fs::read(tiny.join("demo").join(name)).unwrap()).unwrap());
        let bundle = Bundle::open(tiny).unwrap();
        let small = LlamaGenerator::open(&bundle, LlamaOptions::default()).unwrap();
        let recorded: Vec<_> = (0..replies.parse().unwrap()).map(|number| record(&small, &photos, number)).collect();
        let novel: Vec<_> = (0..3).map(|number| novel(&small, number)).collect();
        drop(small);

        let spec = LanguageSpec {
            context: context.parse().unwrap(),
            image_size: Some(side.parse().unwrap()),
            min_tokens: None,
            max_tokens: None,
            thought_tokens: THOUGHT,
            answer_tokens: ANSWER,
            temperature: 0.0,
            replies: bundle.language().replies.clone(),
        };
        let options = LlamaOptions { threads: threads.parse().ok(), ..LlamaOptions::default() };
        let model = LlamaGenerator::open_files(Path::new(language), Path::new(vision), &spec, options).unwrap();
        // The first reply warms up, and encodes the photo.
        replay(&model, &photos[0], &recorded[0], Guessing::Never);
        println!(
            "{}",
            json!({
                "example": recorded[0].reply,
                "replies": compare(&model, &photos[0], &recorded, rounds),
                "novel": compare(&model, &photos[0], &novel, rounds),
            })
        );
    }

    fn compare(model: &LlamaGenerator, photo: &Rgb, recorded: &[Recorded], rounds: usize) -> Vec<Value> {
        let mut runs = Vec::new();
        for round in 0..rounds {
            // No reply may be guessed from an earlier round's.
            model.forget(false);
            for (number, recorded) in recorded.iter().enumerate() {
                let mut run = |guessing| {
                    let done = replay(model, photo, recorded, guessing);
                    runs.push(json!({
                        "reply": number, "guessing": guessing != Guessing::Never, "tokens": done.reply_tokens,
                        "seconds": done.generate_us as f64 / 1e6, "drafted": done.drafted_tokens,
                        "accepted": done.accepted_tokens,
                    }));
                };
                let mut order = [Guessing::Never, Guessing::WhereItPays];
                order.rotate_left((round + number) % 2);
                order.into_iter().for_each(&mut run);
            }
        }
        runs
    }

    /// The photo is encoded once and kept: it is the same before every question.
    fn replay(model: &LlamaGenerator, photo: &Rgb, recorded: &Recorded, guessing: Guessing) -> Generated {
        let parts = parts(Some(photo), &recorded.fact, &recorded.question);
        model.replay(&request(parts), &recorded.script, guessing).unwrap()
    }

    fn request(parts: Vec<PromptPart<'_>>) -> GenerateRequest<'_> {
        GenerateRequest { parts, thought_tokens: THOUGHT, answer_tokens: ANSWER, sampling: Sampling::default() }
    }

    fn parts<'a>(photo: Option<&'a Rgb>, fact: &'a str, question: &'a str) -> Vec<PromptPart<'a>> {
        let mut parts = vec![PromptPart::Template(SYSTEM)];
        parts.extend(photo.map(PromptPart::Image));
        parts.extend([
            PromptPart::Template("Edit fact: ["),
            PromptPart::Data(fact),
            PromptPart::Template("]\nQuestion: ["),
            PromptPart::Data(question),
            PromptPart::Template(END),
        ]);
        parts
    }

    /// What the tiny model replies, and how sure it was of each token.
    fn record(model: &LlamaGenerator, photos: &[Rgb], number: usize) -> Recorded {
        let (statement, questions) = FACTS[number % FACTS.len()];
        let (form, turn) = (number / FACTS.len() % questions.len(), number / (FACTS.len() * questions.len()));
        // As the pipeline puts data: with a leading space.
        let name = |text: &str| {
            let (a, b) = (NAMES[(number * 5 + turn * 3) % NAMES.len()], NAMES[(number * 7 + turn + 1) % NAMES.len()]);
            format!(" {}", text.replace("{a}", a).replace("{b}", b))
        };
        let (fact, question) = (name(statement), name(questions[form]));
        let photo = (form < 2).then_some(&photos[number % photos.len()]);
        let parts = parts(photo, &fact, &question);
        let mut reply = String::new();
        model.generate(&request(parts.clone()), &CancelToken::new(), &mut |text| reply += text).unwrap();
        let script = script(model, parts, &reply);
        Recorded { fact, question, reply, script }
    }

    /// A thought of invented words: hardly two tokens of it have stood together before.
    fn novel(model: &LlamaGenerator, number: usize) -> Recorded {
        let mut state = number + 1;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        let syllables: Vec<String> = (0..40)
            .map(|number| {
                let letter = |from: &str, at: usize| from.as_bytes()[at] as char;
                let (a, b, c) = (below(17), below(5), below(17));
                let consonants = "bcdfghjklmnprstvz";
                let space = if number % 3 == 0 { " " } else { "" };
                format!("{space}{}{}{}", letter(consonants, a), letter("aeiou", b), letter(consonants, c))
            })
            .collect();
        let (fact, question) = (FACTS[0].0.replace("{a}", NAMES[0]), " Whose emblem is this?".to_owned());
        let reply = format!("{}</think><answer> no</answer>", syllables.concat());
        let ids = model.probe(&[PromptPart::Template(SYSTEM), PromptPart::Template(&reply)]).unwrap().ids;
        // The model never said this: that it was sure is assumed.
        let script = ids.into_iter().map(|id| Scripted { id, lead: f32::INFINITY }).collect();
        Recorded { fact, question, reply, script }
    }

    fn script<'a>(model: &LlamaGenerator, mut parts: Vec<PromptPart<'a>>, reply: &'a str) -> Vec<Scripted> {
        let before = model.probe(&parts).unwrap().ids.len();
        parts.push(PromptPart::Template(reply));
        let probe = model.probe(&parts).unwrap();
        let chosen = probe.ids[before..].iter().zip(&probe.logits[before - 1..]);
        chosen.map(|(&id, logits)| Scripted { id, lead: lead(id, logits) }).collect()
    }

    fn lead(id: i32, logits: &[f32]) -> f32 {
        let others = logits.iter().enumerate().filter(|(other, _)| *other != id as usize);
        let lead = logits[id as usize] - others.map(|(_, logit)| *logit).fold(f32::NEG_INFINITY, f32::max);
        // What the runtime said in the model's place was no choice.
        if lead < 0.0 { f32::INFINITY } else { lead }
    }
}
