//! `crane bundle …`.

use std::io::{self, Write};

use crane_core::bundle::{self, Bundle, BundleInfo, FileReport, FileStatus, ModelInfo, VerifyReport};
use crane_core::{Error, ErrorKind};

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{self, BAD, BOLD, DIM, GOOD};

pub(crate) fn verify(context: &Context) -> Result<(), Failure> {
    let report = bundle::verify(&context.models)?;
    if context.json {
        screen::json(&report)?;
    } else {
        write_report(&mut screen::stdout(), &report)?;
    }
    Ok(outcome(&report)?)
}

pub(crate) fn info(context: &Context) -> Result<(), Failure> {
    let info = Bundle::open(&context.models)?.info()?;
    if context.json {
        screen::json(&info)?;
    } else {
        write_info(&mut screen::stdout(), &info)?;
    }
    Ok(())
}

fn write_info(out: &mut impl Write, info: &BundleInfo) -> io::Result<()> {
    writeln!(out, "{BOLD}{} {}{BOLD:#}  {DIM}{}{DIM:#}", info.name, info.version, info.licence)?;
    if !info.description.is_empty() {
        writeln!(out, "{}", screen::printable(&info.description))?;
    }
    write_model(out, "language", &info.language)?;
    let language = &info.language;
    let (vocabulary, trained) = (language.vocabulary, language.trained_context);
    let indent = screen::indent();
    writeln!(out, "{indent}context of {} tokens (trained on {trained}), vocabulary of {vocabulary}", info.context)?;
    write_model(out, "vision", &info.vision)?;
    writeln!(out, "{}{}", screen::label("encoders"), screen::bytes(info.encoder_bytes))
}

fn write_model(out: &mut impl Write, role: &str, model: &ModelInfo) -> io::Result<()> {
    let ModelInfo { architecture, quantisation, bits_per_weight, layers, width, heads, kv_heads, .. } = model;
    let (parameters, bytes) = (model.parameters as f64 / 1e6, screen::bytes(model.bytes));
    let (name, indent) = (screen::printable(architecture), screen::indent());
    writeln!(
        out,
        "{}{name}, {parameters:.1} M parameters, {bytes}, {quantisation} ({bits_per_weight:.1} bits each)",
        screen::label(role)
    )?;
    writeln!(out, "{indent}{layers} layers of {width}, {heads} heads, {kv_heads} of them with keys of their own")
}

fn write_report(out: &mut impl Write, report: &VerifyReport) -> io::Result<()> {
    writeln!(out, "{BOLD}{} {}{BOLD:#}  {DIM}{}{DIM:#}", report.name, report.version, report.licence)?;
    for file in &report.files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let mib = file.size as f64 / f64::from(1 << 20);
        writeln!(out, "  {:14} {name:28} {mib:8.2} MiB  {}", file.role.name(), status(&file.status))?;
    }
    Ok(())
}

fn status(status: &FileStatus) -> String {
    match status {
        FileStatus::Ok => format!("{GOOD}as the manifest says{GOOD:#}"),
        FileStatus::Missing => format!("{BAD}missing{BAD:#}"),
        FileStatus::WrongSize { found } => format!("{BAD}has {found} bytes{BAD:#}"),
        FileStatus::WrongHash => format!("{BAD}damaged or altered{BAD:#}"),
        FileStatus::Unreadable { reason } => format!("{BAD}can't be read: {reason}{BAD:#}"),
    }
}

/// The first thing that is wrong decides the exit code.
fn outcome(report: &VerifyReport) -> crane_core::Result<()> {
    let is_bad = |file: &&FileReport| file.status != FileStatus::Ok;
    let bad: Vec<&FileReport> = report.files.iter().filter(is_bad).collect();
    let Some(first) = bad.first() else { return Ok(()) };
    let kind = match first.status {
        FileStatus::Ok | FileStatus::WrongSize { .. } | FileStatus::WrongHash => ErrorKind::ModelCorrupt,
        FileStatus::Missing => ErrorKind::ModelMissing,
        FileStatus::Unreadable { .. } => ErrorKind::StorageFailed,
    };
    let message =
        format!("{} of {} model files can't be used: install the bundle again", bad.len(), report.files.len());
    Err(Error::new(kind, message))
}
