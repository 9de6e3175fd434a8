//! Clocks, and the limit on the whole run.
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::processes;

pub fn monotonic_ms() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes `now`; by libc, as rustix would first look for the vDSO by itself
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

pub fn sleep_ms(ms: f64) {
    if ms > 0.0 {
        sleep(Duration::from_secs_f64(ms / 1e3));
    }
}

static LAST_WORDS: AtomicPtr<String> = AtomicPtr::new(std::ptr::null_mut());
/// Once output has begun, nothing else may follow it.
pub static STDOUT_USED: AtomicBool = AtomicBool::new(false);

/// Async-signal-safe: write(2) and atomics.
pub fn say_last_words() {
    let words = LAST_WORDS.load(Ordering::Acquire);
    // SAFETY: null, or a string that is never freed nor changed
    if let Some(words) = unsafe { words.as_ref() }
        && !STDOUT_USED.swap(true, Ordering::AcqRel)
    {
        // SAFETY: write(2) reads that many bytes of it
        unsafe { libc::write(1, words.as_ptr().cast(), words.len()) };
    }
}

/// Does only what signal-safety(7) allows.
extern "C" fn time_is_up(_signal: libc::c_int) {
    processes::kill_all();
    say_last_words();
    // SAFETY: ends the process, that is all
    unsafe { libc::_exit(1) };
}

/// After `seconds` the process writes `last_words` to stdout and ends with 1, whatever it waits for.
pub fn limit_run(seconds: u32, last_words: String) {
    LAST_WORDS.store(Box::into_raw(Box::new(last_words)), Ordering::Release);
    // SAFETY: the handler is signal-safe, see there; `signals` is ours; alarm(2) only sets a timer
    unsafe {
        libc::signal(libc::SIGALRM, time_is_up as extern "C" fn(libc::c_int) as libc::sighandler_t);
        // A caller that has blocked the signal leaves it blocked for us.
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, libc::SIGALRM);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const signals, std::ptr::null_mut());
        libc::alarm(seconds);
    }
}
