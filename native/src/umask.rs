//! The umask. Files and directories of this program have the modes that it gives them, whatever its caller's umask is.
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::Mode;
use rustix::process::umask;

const OTHERS: u32 = 0o077;

static CALLERS: AtomicU32 = AtomicU32::new(0);

/// From here on, what is for its owner alone is made with its mode, and no second call has to set that.
pub fn leave_owner_alone() {
    CALLERS.store(umask(Mode::from_raw_mode(OTHERS)).as_raw_mode(), Ordering::Relaxed);
}

/// Whether a directory of that mode has it as soon as it is made.
pub fn leaves(mode: u32) -> bool {
    mode & OTHERS == 0
}

/// Starts a child, whose files are its own business, with the umask that our caller meant for it.
pub fn with_callers<T>(start: impl FnOnce() -> T) -> T {
    umask(Mode::from_raw_mode(CALLERS.load(Ordering::Relaxed)));
    let started = start();
    umask(Mode::from_raw_mode(OTHERS));
    started
}
