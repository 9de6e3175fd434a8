//! dra-sriov on QuickJS: the engine, the operating system as an object, and the program as bytecode.
#![no_main]

mod files;
#[cfg(not(sanitized))]
mod heap;
mod host;
mod interfaces;
mod lock;
mod netlink;
mod netns;
mod parts;
mod processes;
mod signals;
mod streams;
mod time;
mod umask;
mod values;

use std::ffi::{CStr, c_char, c_int};
use std::os::fd::AsRawFd;

use rquickjs::context::intrinsic::{Date, Json, MapSet, Promise, RegExp, RegExpCompiler, TypedArrays};
use rquickjs::{CatchResultExt, Context, Runtime};
use rustix::fs::{Mode, OFlags};

/// AddressSanitizer has its own.
#[cfg(not(sanitized))]
#[global_allocator]
static HEAP: heap::Heap = heap::Heap::new();

/// What AddressSanitizer finds goes to files, because on stderr it could be taken for the plugin's words. A run frees
/// nothing at its end, so leaks aren't looked for. The environment is no place for this, because tests replace it.
#[cfg(sanitized)]
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const c_char {
    concat!(
        "detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1:log_path=",
        env!("SANITIZER_REPORTS"),
        "/report\0"
    )
    .as_ptr()
    .cast()
}

/// Far more than any attachment needs. Beyond it JavaScript gets `out of memory`, which becomes a CNI error.
const MEMORY_LIMIT_BYTES: usize = 256 * 1024 * 1024;
/// Half of the stack that the kernel gives a process, because there are frames of Rust below those of JavaScript.
const STACK_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Cycles are not collected before this, and most runs end long before it.
const COLLECT_FROM_BYTES: usize = 32 * 1024 * 1024;
/// sysexits.h EX_SOFTWARE
const SOFTWARE_ERROR: i32 = 70;

/// The intrinsics that the program needs. `eval` is not among them, because it may not have that.
type Intrinsics = (Date, RegExpCompiler, RegExp, Json, MapSet, TypedArrays, Promise);

fn run() -> Result<(), String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    runtime.set_memory_limit(MEMORY_LIMIT_BYTES);
    runtime.set_max_stack_size(STACK_LIMIT_BYTES);
    runtime.set_gc_threshold(COLLECT_FROM_BYTES);
    let context = Context::custom::<Intrinsics>(&runtime).map_err(|error| error.to_string())?;
    context.with(|ctx| {
        let result = host::install(&ctx).and_then(|()| parts::load(ctx.clone(), "boot".into())).map(drop);
        result.catch(&ctx).map_err(|error| error.to_string())
    })
}

/// The number of a closed stream would be given to the next file that is opened, such as a record. /dev/null takes it,
/// read-only, so that a write fails.
fn open_closed_streams() {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the kernel fills in the three structs
    let count = unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    if count >= 0 && streams.iter().all(|stream| stream.revents & libc::POLLNVAL == 0) {
        return;
    }
    while let Ok(fd) = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty()) {
        if fd.as_raw_fd() > 2 {
            break;
        }
        std::mem::forget(fd);
    }
}

/// Does those things that std does before `main` and this program needs. The others (a look at /proc/self/maps, a
/// second stack) would take as long as half of VERSION.
fn prepare_process() {
    open_closed_streams();
    umask::leave_owner_alone();
    // SAFETY: changes dispositions, that is all; std gives children the usual one back
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        // A write past RLIMIT_FSIZE is to fail with EFBIG, which is undone.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        // If SIGCHLD were inherited as SIG_IGN, the kernel would forget the ends of our children before we ask for
        // them.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
    std::panic::set_hook(Box::new(|panic| fail(&panic.to_string())));
}

fn fail(message: &str) -> ! {
    let _ = streams::write_stderr(&format!("dra-sriov: {message}\n"));
    time::say_last_words();
    // SAFETY: ends the process, that is all
    unsafe { libc::_exit(SOFTWARE_ERROR) };
}

/// The program ends itself by `exit`. If it returns, it has failed before that.
#[unsafe(no_mangle)]
pub extern "C" fn main(count: c_int, values: *const *const c_char) -> i32 {
    prepare_process();
    // SAFETY: C promises so many strings, which stay
    let argument = |at| unsafe { CStr::from_ptr(*values.add(at)) }.to_string_lossy().into_owned();
    let _ = host::ARGUMENTS.set((1..count as usize).map(argument).collect());
    fail(&run().err().unwrap_or_else(|| "the program did not end itself".into()))
}
