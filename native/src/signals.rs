//! Signals that must not end a process which has something to put back.
const HELD: [libc::c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];

/// The signals wait from now on. Those to children wait, too, but children have limits of their own.
pub fn hold() {
    // SAFETY: `signals` is ours
    unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        for signal in HELD {
            libc::sigaddset(&raw mut signals, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
    }
}

/// Whether one of the signals waits.
pub fn came() -> bool {
    // SAFETY: `waiting` is ours
    unsafe {
        let mut waiting = std::mem::zeroed();
        libc::sigpending(&raw mut waiting);
        HELD.iter().any(|signal| libc::sigismember(&raw const waiting, *signal) == 1)
    }
}
