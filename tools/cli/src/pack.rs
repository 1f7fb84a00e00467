//! `crane library export`, `import` and `keygen`.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crane_core::library::pack::{
    ExportOptions, ExportReport, ImportConflict, ImportOptions, ImportPreview, ImportReport, OnConflict, Pack,
    SecretKey,
};
use crane_core::library::{Conflict, Library};
use crane_core::{Error, ErrorKind, FactId, PublicKey, Runtime};
use serde::Serialize;

use crate::args::{ExportArgs, ImportArgs};
use crate::context::{Context, cancelled_by_ctrl_c};
use crate::failure::Failure;
use crate::screen::{self, BAD, BOLD, DIM, GOOD};
use crate::work::{self, watched};
use crate::{fact, photo};

/// Most facts that a preview shows of each kind.
const SHOWN: usize = 20;

/// What `library import --json` prints; without a report nothing was imported.
#[derive(Serialize)]
struct ImportView<'a> {
    preview: &'a ImportPreview,
    report: Option<&'a ImportReport>,
}

/// What `library keygen --json` prints.
#[derive(Serialize)]
struct KeyView<'a> {
    file: &'a Path,
    public_key: PublicKey,
}

pub(crate) fn export(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let signer = args.sign.as_deref().map(read_key).transpose()?;
    let runtime = context.reader()?;
    let library = runtime.library().ok_or_else(|| context.no_library())?;
    let chosen = args.fact.iter().map(|id| fact::find(&runtime, id).map(|fact| fact.id));
    let chosen = chosen.collect::<crane_core::Result<Vec<_>>>()?;
    let facts = (!chosen.is_empty()).then_some(chosen);
    let options = ExportOptions { facts, thumbnails: !args.no_thumbnails, history: !args.no_history, signer };
    let cancel = cancelled_by_ctrl_c()?;
    let report = watched("exporting", &cancel, |told| library.export_file(&args.file, &options, told))?;
    if context.json {
        return Ok(screen::json(&report)?);
    }
    Ok(write_export(&mut screen::stdout(), &args.file, &report, options.signer.as_ref())?)
}

pub(crate) fn import(context: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let trusted = args.trust.iter().map(|key| public_key(key)).collect::<crane_core::Result<_>>()?;
    let on_conflict = args.on_conflict.into();
    let options = ImportOptions { trusted, on_conflict, similarity: args.similarity };
    let cancel = cancelled_by_ctrl_c()?;
    let mut pack = Pack::open(&args.file)?;
    let runtime = if args.preview { context.reader()? } else { context.writer()? };
    let scratch = Scratch::of(&runtime)?;
    let library = scratch.library(&runtime);
    let preview = watched("comparing", &cancel, |told| library.preview_import(&mut pack, &options, told))?;
    if !context.json {
        write_preview(&mut screen::stdout(), &preview, &mut pack, library)?;
    }
    let report = if args.preview || !confirmed(context, args, &preview, &options)? {
        None
    } else {
        Some(watched("importing", &cancel, |told| library.import(&mut pack, &options, told))?)
    };
    match &report {
        _ if context.json => Ok(screen::json(&ImportView { preview: &preview, report: report.as_ref() })?),
        Some(report) => Ok(write_import(&mut screen::stdout(), report)?),
        None => Ok(()),
    }
}

pub(crate) fn keygen(context: &Context, file: &Path) -> Result<(), Failure> {
    let key = SecretKey::generate()?;
    write_secret(file, &key.expose())?;
    let public_key = key.public();
    if context.json {
        return Ok(screen::json(&KeyView { file, public_key })?);
    }
    let mut out = screen::stdout();
    writeln!(out, "{GOOD}written{GOOD:#}  {}  {DIM}keep it to yourself{DIM:#}", file.display())?;
    writeln!(out, "{}{BOLD}{public_key}{BOLD:#}", screen::label("public"))?;
    Ok(())
}

/// An empty library to compare with where there is none yet: looking creates nothing.
struct Scratch(Option<(tempfile::TempDir, Library)>);

impl Scratch {
    fn of(runtime: &Runtime) -> Result<Self, Failure> {
        if runtime.library().is_some() {
            return Ok(Self(None));
        }
        let folder = tempfile::tempdir()?;
        let library = Library::open(folder.path().join("library"), &runtime.bundle().fingerprint())?;
        Ok(Self(Some((folder, library))))
    }

    fn library<'a>(&'a self, runtime: &'a Runtime) -> &'a Library {
        let scratch = self.0.as_ref().map(|(_, library)| library);
        runtime.library().or(scratch).expect("there is a library, or one was made")
    }
}

/// Whether to go on: said on the command line, or now.
fn confirmed(
    context: &Context,
    args: &ImportArgs,
    preview: &ImportPreview,
    options: &ImportOptions,
) -> Result<bool, Failure> {
    let skips = options.on_conflict == OnConflict::Skip;
    let nothing = preview.new.is_empty() && (preview.conflicts.is_empty() || skips);
    if args.yes || nothing {
        return Ok(args.yes);
    }
    if !work::can_ask(context) {
        let message = "nothing was imported: say --yes to import, or --preview only to look";
        return Err(Error::new(ErrorKind::InvalidInput, message).into());
    }
    Ok(work::ask("Import these facts?", &["yes", "no"])? == Some("yes"))
}

fn write_export(
    out: &mut impl Write,
    file: &Path,
    report: &ExportReport,
    signer: Option<&SecretKey>,
) -> io::Result<()> {
    let (facts, bytes) = (plural(report.facts, "fact"), screen::bytes(report.bytes));
    writeln!(out, "{GOOD}exported{GOOD:#}  {BOLD}{facts}{BOLD:#} to {}  {DIM}{bytes}{DIM:#}", file.display())?;
    let signed =
        signer.map_or_else(|| "nobody: others will see it as untrusted".into(), |key| key.public().to_string());
    writeln!(out, "{}{DIM}{signed}{DIM:#}", screen::label("signed by"))?;
    writeln!(out, "{}{DIM}{}{DIM:#}", screen::label("digest"), report.digest)?;
    writeln!(out, "{DIM}The file is not encrypted, and forgetting a fact does not reach it.{DIM:#}")
}

fn write_preview(
    out: &mut impl Write,
    preview: &ImportPreview,
    pack: &mut Pack<File>,
    library: &Library,
) -> Result<(), Failure> {
    let trust =
        if preview.origin.trusted { format!("{GOOD}trusted{GOOD:#}") } else { format!("{BAD}untrusted{BAD:#}") };
    let signer = preview.origin.signer.map_or_else(|| "nobody".to_owned(), |key| key.to_string());
    writeln!(out, "{}{signer}  {trust}", screen::label("signed by"))?;
    let words = statements(preview, pack)?;
    let said = |id: &FactId| words.get(id).map(String::as_str).unwrap_or_default();
    writeln!(out, "{}{BOLD}{}{BOLD:#}", screen::label("new"), preview.new.len())?;
    for id in preview.new.iter().take(SHOWN) {
        writeln!(out, "{}{DIM}{}{DIM:#}  {}", screen::indent(), short(id), said(id))?;
    }
    write_rest(out, preview.new.len())?;
    writeln!(out, "{}{}", screen::label("same"), preview.same.len())?;
    writeln!(out, "{}{BOLD}{}{BOLD:#}", screen::label("conflict"), preview.conflicts.len())?;
    for conflict in preview.conflicts.iter().take(SHOWN) {
        writeln!(out, "{}{DIM}{}{DIM:#}  {}", screen::indent(), short(&conflict.fact), said(&conflict.fact))?;
        write_conflict(out, conflict, library)?;
    }
    write_rest(out, preview.conflicts.len())?;
    for (count, what) in [
        (preview.forgotten.len(), "forgotten here: these stay outside"),
        (preview.forgotten_there.len(), "forgotten by the exporter, and still here"),
    ] {
        if count > 0 {
            writeln!(out, "{}{} {what}", screen::indent(), plural(count as u64, "fact"))?;
        }
    }
    Ok(())
}

fn write_conflict(out: &mut impl Write, conflict: &ImportConflict, library: &Library) -> Result<(), Failure> {
    let indent = screen::indent();
    if conflict.differs {
        let mine = library.get(conflict.fact)?;
        writeln!(out, "{indent}{DIM}  differs from this library's{DIM:#}  {}", screen::one_line(&mine.statement))?;
    }
    for Conflict { fact, collision } in &conflict.with {
        let mine = library.get(*fact)?;
        let why = screen::collision(collision);
        writeln!(out, "{indent}{DIM}  {why}: {}{DIM:#}  {}", short(fact), screen::one_line(&mine.statement))?;
    }
    Ok(())
}

fn write_rest(out: &mut impl Write, count: usize) -> io::Result<()> {
    match count.checked_sub(SHOWN) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "{}{DIM}and {more} more{DIM:#}", screen::indent()),
    }
}

fn write_import(out: &mut impl Write, report: &ImportReport) -> io::Result<()> {
    if report.change.is_none() {
        return writeln!(out, "{DIM}nothing to import{DIM:#}");
    }
    let counts = [
        (report.added.len(), "added"),
        (report.replaced.len(), "replaced"),
        (report.superseded.len(), "superseded"),
        (report.skipped.len(), "skipped"),
    ];
    let done: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    writeln!(out, "{GOOD}imported{GOOD:#}  {BOLD}{}{BOLD:#}  {DIM}one undo takes it back{DIM:#}", done.join(", "))
}

/// The words of the facts that a preview shows.
fn statements(preview: &ImportPreview, pack: &mut Pack<File>) -> crane_core::Result<HashMap<FactId, String>> {
    let conflicts = preview.conflicts.iter().map(|conflict| conflict.fact);
    let mut words: HashMap<FactId, String> =
        preview.new.iter().copied().take(SHOWN).chain(conflicts.take(SHOWN)).map(|id| (id, String::new())).collect();
    pack.facts(&mut |fact| {
        if let Some(said) = words.get_mut(&fact.id) {
            *said = screen::one_line(&fact.statement);
        }
        Ok(())
    })?;
    Ok(words)
}

/// A public key as it stands, or in a file.
fn public_key(text: &str) -> crane_core::Result<PublicKey> {
    let text = if text.starts_with("cranepub1:") { text.to_owned() } else { read_line(Path::new(text))? };
    let message = "this is no public key: it is written as `cranepub1:` and 64 hexadecimal digits";
    PublicKey::parse(text.trim()).ok_or_else(|| Error::new(ErrorKind::InvalidInput, message))
}

fn read_key(file: &Path) -> crane_core::Result<SecretKey> {
    SecretKey::parse(&read_line(file)?)
}

/// What a key's file holds; longer ones hold something else.
pub(crate) fn read_line(file: &Path) -> crane_core::Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(200).read_to_end(&mut bytes));
    read.map_err(|error| photo::unreadable(error, file))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A new file that only its owner may read; a key that is there is not lost.
pub(crate) fn write_secret(file: &Path, text: &str) -> crane_core::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut out| {
        writeln!(out, "{text}")?;
        out.sync_all()
    });
    written.map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::AlreadyExists => ErrorKind::InvalidInput,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::StorageFailed,
        };
        Error::new(kind, "the key can't be written: choose a new file in a folder of yours").with_source(error)
    })
}

fn short(id: &FactId) -> String {
    id.to_string().chars().take(8).collect()
}

fn plural(count: u64, what: &str) -> String {
    screen::count(u32::try_from(count).unwrap_or(u32::MAX), what)
}
