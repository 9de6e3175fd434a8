//! Children. They run from start() on; wait() feeds and drains them.
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};

use crate::netlink::left_until;
use crate::time::monotonic_ms;
use crate::umask;
use crate::values::{Failure, Outcome};

/// Limit of stdout. A longer output is a failure.
const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;
/// Limit of stderr. The rest is dropped.
const MAX_STDERR_BYTES: usize = 64 * 1024;
/// A child that has ended has written all its output. Another process that holds it open is waited for so long.
const GRACE_MS: f64 = 100.0;
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_A_TURN: usize = 16;
/// Interval of looks at a child if the kernel has no pidfd (before 5.3).
const LOOK_AGAIN_MS: f64 = 5.0;

/// Process groups that end with us. The program never has as many at a time.
static GROUPS: [AtomicI32; 4] = [const { AtomicI32::new(0) }; 4];

/// kill(-1) would reach every process of the node, kill(0) our own group.
fn kill_group(group: i32) {
    if let Some(pid) = Pid::from_raw(group).filter(|_| group > 1) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Async-signal-safe.
pub fn kill_all() {
    for group in &GROUPS {
        kill_group(group.load(Ordering::Acquire));
    }
}

fn replace_group(from: i32, to: i32) {
    let _ = GROUPS.iter().any(|group| group.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok());
}

/// Keeps descriptors that the runtime left open in us from the child.
fn close_inherited_on_exec() {
    // SAFETY: touches no memory; descriptors stay open, they only get close-on-exec
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } == 0 {
        return;
    }
    // Linux before 5.11 doesn't have that.
    for fd in std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let Some(fd) = fd.file_name().to_str().and_then(|name| name.parse().ok()).filter(|fd| *fd > 2) else {
            continue;
        };
        // SAFETY: borrowed for this one call, which answers EBADF where it is closed
        let _ = fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::CLOEXEC);
    }
}

/// Decides whether children that are started from now on inherit the descriptors.
fn set_inherited(shared: &[BorrowedFd], flags: FdFlags) -> Outcome<()> {
    shared.iter().try_for_each(|fd| Ok(fcntl_setfd(fd, flags)?))
}

/// Our end of a pipe that the child writes to, and the output so far.
struct Output<T> {
    pipe: Option<T>,
    bytes: Vec<u8>,
    max_bytes: usize,
    /// Output past the limit is dropped; without this it is a failure.
    drops: bool,
}

impl<T: Read + AsFd> Output<T> {
    fn new(pipe: Option<T>, max_bytes: usize, drops: bool) -> Outcome<Self> {
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Self { pipe, bytes: Vec::new(), max_bytes, drops })
    }

    /// Reads what is there without waiting, but not for ever if somebody writes faster than this reads.
    fn drain(&mut self) -> Outcome<()> {
        let mut chunk = [0; CHUNK_BYTES];
        for _ in 0..CHUNKS_A_TURN {
            let Some(pipe) = &mut self.pipe else { break };
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(count) => self.keep(&chunk[..count])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Outcome<()> {
        let room = self.max_bytes - self.bytes.len();
        if bytes.len() > room && !self.drops {
            return Err(Failure::new(libc::EOVERFLOW, "it wrote more than 4194304 bytes; it was killed"));
        }
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

struct Input {
    pipe: Option<ChildStdin>,
    text: String,
    written: usize,
}

impl Input {
    /// Writes what fits into the pipe without waiting, and closes it after the last byte.
    fn feed(&mut self) {
        while let Some(pipe) = &mut self.pipe {
            match pipe.write(&self.text.as_bytes()[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // EPIPE: the child has ended, or doesn't read its input, which it need not.
                Err(_) => self.pipe = None,
            }
            if self.written == self.text.len() {
                self.pipe = None;
            }
        }
    }
}

pub struct Running {
    child: Child,
    pidfd: Option<OwnedFd>,
    stdin: Input,
    stdout: Output<ChildStdout>,
    stderr: Output<ChildStderr>,
    deadline_ms: f64,
}

/// Exit status, signal, whether the limit passed, stdout, stderr.
pub type Ended = (Option<i32>, Option<i32>, bool, String, String);

/// Starts a child, which holds the descriptors `shared`, too, until it ends, however we end.
pub fn start(
    path: &str,
    args: &[String],
    env: Vec<(String, String)>,
    text: String,
    timeout_ms: f64,
    shared: &[BorrowedFd],
) -> Outcome<Running> {
    if !path.starts_with('/') {
        return Err(Failure::new(libc::EINVAL, "not an absolute path"));
    }
    close_inherited_on_exec();
    let mut command = Command::new(path);
    command.args(args).env_clear().envs(env).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let deadline_ms = monotonic_ms() + timeout_ms;
    set_inherited(shared, FdFlags::empty())?;
    let spawned = umask::with_callers(|| command.spawn());
    set_inherited(shared, FdFlags::CLOEXEC)?;
    let mut child = spawned?;
    let group = child.id() as i32;
    replace_group(0, group);
    match connect(&mut child, text) {
        Ok((stdin, stdout, stderr)) => {
            let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).ok();
            Ok(Running { child, pidfd, stdin, stdout, stderr, deadline_ms })
        }
        // The child must not run on beside a DEL that undoes its work.
        Err(failure) => {
            kill_group(group);
            replace_group(group, 0);
            child.wait()?;
            Err(failure)
        }
    }
}

type Streams = (Input, Output<ChildStdout>, Output<ChildStderr>);

/// Takes our ends of the child's pipes, and writes the beginning of its input.
fn connect(child: &mut Child, text: String) -> Outcome<Streams> {
    let mut stdin = Input { pipe: child.stdin.take(), text, written: 0 };
    if let Some(pipe) = &stdin.pipe {
        ioctl_fionbio(pipe, true)?;
    }
    let stdout = Output::new(child.stdout.take(), MAX_OUTPUT_BYTES, false)?;
    let stderr = Output::new(child.stderr.take(), MAX_STDERR_BYTES, true)?;
    stdin.feed();
    Ok((stdin, stdout, stderr))
}

impl Running {
    /// The child stays a zombie, so that its group's number is nobody else's.
    fn has_exited(&self) -> Outcome<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_some())
    }

    /// Waits until there is something to do, or the limit has passed.
    fn poll(&self, exited: bool) -> Outcome<()> {
        let mut fds = Vec::with_capacity(4);
        fds.extend(self.stdin.pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        fds.extend(self.stdout.pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(self.stderr.pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(self.pidfd.iter().filter(|_| !exited).map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let must_look = self.pidfd.is_none() && !exited;
        let until_ms = if must_look { self.deadline_ms.min(monotonic_ms() + LOOK_AGAIN_MS) } else { self.deadline_ms };
        match poll(&mut fds, Some(&left_until(until_ms))) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// True if the limit passed before the child had ended. Nobody waits for what it has started and left behind.
    fn run_to_end(&mut self) -> Outcome<bool> {
        let mut was_alive = true;
        loop {
            let exited = self.has_exited()?;
            if exited && was_alive {
                was_alive = false;
                self.deadline_ms = self.deadline_ms.min(monotonic_ms() + GRACE_MS);
            }
            self.stdin.feed();
            self.stdout.drain()?;
            self.stderr.drain()?;
            if exited && self.stdout.pipe.is_none() && self.stderr.pipe.is_none() {
                return Ok(false);
            }
            if monotonic_ms() >= self.deadline_ms {
                return Ok(!exited);
            }
            self.poll(exited)?;
        }
    }

    pub fn wait(mut self) -> Outcome<Ended> {
        let group = self.child.id() as i32;
        let end = self.run_to_end();
        if !matches!(end, Ok(false)) {
            kill_group(group);
        }
        replace_group(group, 0);
        let status = self.child.wait()?;
        let timed_out = end?;
        if timed_out {
            self.stdout.drain()?;
            self.stderr.drain()?;
        }
        Ok((status.code(), status.signal(), timed_out, self.stdout.text(), self.stderr.text()))
    }
}
