//! `crane devices`.

use std::io::{self, Write};

use crane_core::{Device, DeviceKind, devices, forget_gpu_crash};

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{self, BOLD};

pub(crate) fn run(context: &Context, retry: bool) -> Result<(), Failure> {
    if let Some(state) = context.state.as_deref().filter(|_| retry) {
        forget_gpu_crash(state)?;
    }
    let listed = devices(context.state.as_deref())?;
    if context.json {
        screen::json(&listed)?;
    } else {
        listed.iter().try_for_each(|device| write_device(&mut screen::stdout(), device))?;
    }
    Ok(())
}

fn write_device(out: &mut impl Write, device: &Device) -> io::Result<()> {
    let Device { name, description, backend, kind, memory_total, memory_free } = device;
    let kind = match kind {
        DeviceKind::Cpu => "processor",
        DeviceKind::Gpu => "GPU",
        DeviceKind::IntegratedGpu => "GPU, shares the processor's memory",
    };
    let (free, total) = (screen::bytes(*memory_free), screen::bytes(*memory_total));
    let description = screen::printable(description);
    writeln!(out, "{BOLD}{name}{BOLD:#}  {description} ({backend}; {kind}): {free} of {total} free")
}
