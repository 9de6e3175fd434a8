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

/// Far more than any attachment needs; past it JavaScript sees `out of memory`, which becomes a CNI error.
const MEMORY_LIMIT_BYTES: usize = 256 * 1024 * 1024;
/// Half of what the kernel gives a process, for frames of Rust below those of JavaScript.
const STACK_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Nothing is freed before the end, cycles neither: most runs end long before this.
const COLLECT_FROM_BYTES: usize = 32 * 1024 * 1024;
/// sysexits.h EX_SOFTWARE
const SOFTWARE_ERROR: i32 = 70;

/// What JavaScript needs, bar what it may not have: `eval`.
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

/// What std does before `main` and this program needs; the rest of it (a look at /proc/self/maps, a second stack) takes as
/// long as half of VERSION.
fn prepare_process() {
    // a closed stream's number would be given to the next file that is opened, a record perhaps; and what can't be written is to be an error
    while let Ok(fd) = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty()) {
        if fd.as_raw_fd() > 2 {
            break;
        }
        std::mem::forget(fd);
    }
    // SAFETY: changes dispositions, that is all; std gives children the usual one back
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        // past RLIMIT_FSIZE a write is to be an error that is undone, EFBIG
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        // inherited as SIG_IGN it would have the kernel forget our children's ends before we ask for them
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

/// The program ends itself by `exit`; who comes back has failed before it could.
#[unsafe(no_mangle)]
pub extern "C" fn main(count: c_int, values: *const *const c_char) -> i32 {
    prepare_process();
    // SAFETY: C promises so many strings, which stay
    let argument = |at| unsafe { CStr::from_ptr(*values.add(at)) }.to_string_lossy().into_owned();
    let _ = host::ARGUMENTS.set((1..count as usize).map(argument).collect());
    fail(&run().err().unwrap_or_else(|| "the program did not end itself".into()))
}
