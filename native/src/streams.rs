//! Standard streams.
use std::io::{self, ErrorKind, Read, Write};
use std::mem::zeroed;
use std::sync::atomic::Ordering;

use crate::files::read_all;
use crate::time::{STDOUT_USED, sleep_ms};
use crate::values::Outcome;

const PAUSE_MS: f64 = 1.0;

/// Waits if somebody has made the stream non-blocking.
struct Patient<T>(T);

impl<T: Read> Read for Patient<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep_ms(PAUSE_MS),
                result => return result,
            }
        }
    }
}

impl<T: Write> Write for Patient<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep_ms(PAUSE_MS),
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// rustix's stdin, stdout and stderr have no buffer and hide no error, unlike std's.
struct Raw(rustix::fd::BorrowedFd<'static>);

impl Read for Raw {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0, bytes)?)
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn read_stdin(max_bytes: usize) -> Outcome<Vec<u8>> {
    read_all(&mut Patient(Raw(rustix::stdio::stdin())), max_bytes)
}

pub fn write_stdout(text: &str) -> Outcome<()> {
    STDOUT_USED.store(true, Ordering::Release);
    Ok(Patient(Raw(rustix::stdio::stdout())).write_all(text.as_bytes())?)
}

pub fn write_stderr(text: &str) -> Outcome<()> {
    Ok(Patient(Raw(rustix::stdio::stderr())).write_all(text.as_bytes())?)
}

/// Width of a terminal, 0 if it doesn't tell; None for a stream that is no terminal.
pub fn terminal_columns(stream: &str) -> Option<u16> {
    let fd = if stream == "stdout" { libc::STDOUT_FILENO } else { libc::STDERR_FILENO };
    // SAFETY: all zeros are a winsize, which the kernel fills in
    let mut size: libc::winsize = unsafe { zeroed() };
    let result = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) };
    if result == 0 { Some(size.ws_col) } else { None }
}
