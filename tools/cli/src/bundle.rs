//! `crane bundle verify`.

use std::io::{self, Write};

use crane_core::bundle::{self, FileReport, FileStatus, VerifyReport};
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
