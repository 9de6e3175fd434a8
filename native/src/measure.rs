//! measure OUTPUT PROGRAM ARG...: runs a program, ends with its exit code, and writes what it took to OUTPUT, as JSON.
//! test/bench needs such a small parent, because a child's peak memory includes its time before exec, as its parent's
//! copy.
use std::error::Error;
use std::io;
use std::mem::zeroed;
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

fn microseconds(time: libc::timeval) -> i64 {
    time.tv_sec * 1_000_000 + time.tv_usec
}

/// wait4(2): the wait status, and the resources of the child and of those children that it has waited for.
fn wait(pid: u32) -> io::Result<(i32, libc::rusage)> {
    let mut status = 0;
    // SAFETY: a struct of integers, for which zero is a value
    let mut usage: libc::rusage = unsafe { zeroed() };
    // SAFETY: the kernel writes `status` and `usage`, which outlive the call
    let waited = unsafe { libc::wait4(pid as i32, &raw mut status, 0, &raw mut usage) };
    if waited < 0 { Err(io::Error::last_os_error()) } else { Ok((status, usage)) }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [output, program, rest @ ..] = &arguments[..] else {
        return Err("usage: measure OUTPUT PROGRAM ARG...".into());
    };
    let begin = Instant::now();
    let pid = Command::new(program).args(rest).spawn()?.id();
    let (status, usage) = wait(pid)?;
    let wall_us = begin.elapsed().as_nanos() as f64 / 1e3;
    let cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
    let peak_kib = usage.ru_maxrss;
    fs::write(output, format!("{{\"wallUs\":{wall_us},\"cpuUs\":{cpu_us},\"peakKib\":{peak_kib}}}\n"))?;
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) as u8 } else { 128 };
    Ok(ExitCode::from(code))
}
