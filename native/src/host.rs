//! The host object: every function that JavaScript may call (src/platform/os.ts has their types).
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;

use rquickjs::prelude::Func;
use rquickjs::{Ctx, Object, Result as JsResult, TypedArray};

use crate::lock::Locks;
use crate::processes::Running;
use crate::values::{Answer, Bytes, Failure, Name, Outcome, Reply, Text, copy_of, whole};
use crate::{files, interfaces, netlink, netns, parts, processes, signals, streams, time};

/// Descriptors by number. A number that isn't an open descriptor of ours is EBADF.
#[derive(Default, Clone)]
struct Descriptors(Rc<RefCell<BTreeMap<i32, OwnedFd>>>);

impl Descriptors {
    fn keep(&self, fd: OwnedFd) -> i32 {
        let number = fd.as_raw_fd();
        self.0.borrow_mut().insert(number, fd);
        number
    }

    fn with<T>(&self, number: i32, task: impl FnOnce(BorrowedFd) -> Outcome<T>) -> Outcome<T> {
        let open = self.0.borrow();
        task(open.get(&number).ok_or(Failure::new(libc::EBADF, ""))?.as_fd())
    }

    fn close(&self, number: i32) {
        self.0.borrow_mut().remove(&number);
    }
}

fn add_process(host: &Object) -> JsResult<()> {
    host.set("argv", Func::from(|| ARGUMENTS.get().cloned().unwrap_or_default()))?;
    host.set(
        "environment",
        Func::from(|| std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect::<BTreeMap<_, _>>()),
    )?;
    host.set("executable", Func::from(|| Answer(files::read_link(Path::new("/proc/self/exe")))))?;
    host.set("pid", pid())?;
    host.set("exit", Func::from(exit))?;
    host.set("holdSignals", Func::from(signals::hold))?;
    host.set("signalCame", Func::from(signals::came))?;
    host.set("limitRun", Func::from(|seconds: u32, words: Text| time::limit_run(seconds, words.0)))?;
    host.set("monotonicMs", Func::from(time::monotonic_ms))?;
    host.set("sleepMs", Func::from(time::sleep_ms))?;
    host.set("readStdin", Func::from(|max: usize| Answer(streams::read_stdin(max).map(Bytes))))?;
    host.set("writeStdout", Func::from(|text: Text| Answer(streams::write_stdout(&text.0))))?;
    host.set("writeStderr", Func::from(|text: Text| Answer(streams::write_stderr(&text.0))))?;
    host.set("terminalColumns", Func::from(|stream: String| streams::terminal_columns(&stream)))
}

/// Asks the kernel once: the number is in the name of every temporary file.
pub fn pid() -> u32 {
    static PID: OnceLock<u32> = OnceLock::new();
    *PID.get_or_init(std::process::id)
}

/// The arguments of `main` after the program's name. std has them only if it has started the program itself.
pub static ARGUMENTS: OnceLock<Vec<String>> = OnceLock::new();

/// Ends the process without freeing memory, which would take longer than the work. All output is written by then.
fn exit(code: i32) {
    // SAFETY: ends the process, that is all
    unsafe { libc::_exit(code) }
}

fn lossy(text: std::ffi::OsString) -> String {
    text.to_string_lossy().into_owned()
}

fn add_text(host: &Object) -> JsResult<()> {
    host.set("loadPart", Func::from(parts::load))?;
    host.set("encodeUtf8", Func::from(|text: Text| Bytes(text.0.into_bytes())))?;
    host.set("decodeUtf8", Func::from(|bytes: TypedArray<u8>| String::from_utf8_lossy(&copy_of(&bytes)).into_owned()))
}

fn add_files(host: &Object) -> JsResult<()> {
    host.set(
        "readFile",
        Func::from(|path: Name, max: usize, follow: bool| Answer(files::read(path.path(), max, follow).map(Bytes))),
    )?;
    host.set(
        "writeFileAtomic",
        Func::from(|path: Name, content: Text, mode: u32, durable: bool| {
            Answer(files::write_atomic(path.path(), &content.0, mode, durable))
        }),
    )?;
    host.set(
        "copyFileAtomic",
        Func::from(|from: Name, to: Name, mode: u32| Answer(files::copy_atomic(from.path(), to.path(), mode))),
    )?;
    host.set(
        "writeSystemFile",
        Func::from(|path: Name, content: Text| Answer(files::write_system_file(path.path(), &content.0))),
    )?;
    host.set("appendFile", Func::from(|path: Name, content: Text| Answer(files::append(path.path(), &content.0))))?;
    host.set(
        "searchFiles",
        Func::from(|directory: Name, endings, mark: Text, texts: Vec<Text>, max_files, max_bytes| {
            let texts = texts.into_iter().map(|text| text.0).collect();
            Answer(files::Search { endings, mark: mark.0, texts, max_files, max_bytes }.run(directory.path()))
        }),
    )?;
    host.set("readDir", Func::from(|path: Name| Answer(files::read_dir(path.path()))))?;
    host.set("readLink", Func::from(|path: Name| Answer(files::read_link(path.path()))))?;
    host.set("lstat", Func::from(|path: Name| Answer(files::lstat(path.path()).map(rquickjs::convert::List))))?;
    host.set("isExecutable", Func::from(|path: Name| Answer(files::is_executable(path.path()))))?;
    host.set("isBusy", Func::from(|path: Name| files::is_busy(path.path())))?;
    host.set("makeDir", Func::from(|path: Name, mode: u32| Answer(files::make_dir(path.path(), mode))))?;
    host.set("unlink", Func::from(|path: Name| Answer(files::unlink(path.path()))))?;
    host.set("rename", Func::from(|from: Name, to: Name| Answer(files::rename(from.path(), to.path()))))?;
    host.set("removeDir", Func::from(|path: Name| Answer(files::remove_dir(path.path()))))
}

fn add_locks(host: &Object, locks: &Rc<RefCell<Locks>>) -> JsResult<()> {
    let same = locks.clone();
    host.set(
        "lock",
        Func::from(move |path: Name, timeout_ms: f64, note: Option<Text>| {
            Answer(same.borrow_mut().lock(path.path(), timeout_ms, note.as_ref().map(|note| note.0.as_str())))
        }),
    )?;
    let same = locks.clone();
    host.set("unlock", Func::from(move |path: Name, number: u32| same.borrow_mut().unlock(path.path(), number)))
}

fn add_children(host: &Object, locks: Rc<RefCell<Locks>>) -> JsResult<()> {
    let children = Rc::new(RefCell::new(Vec::<Option<Running>>::new()));
    let same = children.clone();
    host.set(
        "startProcess",
        Func::from(
            move |path: Text, args: Vec<String>, env: BTreeMap<String, String>, stdin: Text, timeout_ms: f64| {
                let locks = locks.borrow();
                let shared = locks.descriptors();
                Answer(processes::start(&path.0, &args, &env, stdin.0, timeout_ms, &shared).map(|child| {
                    children.borrow_mut().push(Some(child));
                    children.borrow().len() - 1
                }))
            },
        ),
    )?;
    host.set(
        "waitProcess",
        Func::from(move |number: usize| {
            let child = same.borrow_mut().get_mut(number).and_then(Option::take);
            Answer(child.ok_or(Failure::new(libc::ECHILD, "")).and_then(Running::wait).map(rquickjs::convert::List))
        }),
    )
}

/// Locks and children are together, because children hold the locks, too.
fn add_locks_and_children(host: &Object) -> JsResult<()> {
    let locks = Rc::new(RefCell::new(Locks::default()));
    add_locks(host, &locks)?;
    add_children(host, locks)
}

fn add_network(host: &Object) -> JsResult<()> {
    let fds = Descriptors::default();
    let with = |fds: &Descriptors| fds.clone();
    let open = with(&fds);
    host.set("openNetns", Func::from(move |path: Name| Answer(netns::open(path.path()).map(|fd| open.keep(fd)))))?;
    let open = with(&fds);
    host.set(
        "identity",
        Func::from(move |fd: i32| Answer(open.with(fd, netns::identity).map(rquickjs::convert::List))),
    )?;
    let open = with(&fds);
    host.set("enterNetns", Func::from(move |fd: i32| Answer(open.with(fd, netns::enter))))?;
    let open = with(&fds);
    host.set(
        "openNetlink",
        Func::from(move |groups: u32, protocol: u32| Answer(netlink::open(groups, protocol).map(|fd| open.keep(fd)))),
    )?;
    let open = with(&fds);
    host.set("netlinkPort", Func::from(move |fd: i32| Answer(open.with(fd, netlink::port).map(whole))))?;
    let open = with(&fds);
    host.set("netnsCookie", Func::from(move |fd: i32| Answer(open.with(fd, netlink::netns_cookie))))?;
    let open = with(&fds);
    host.set(
        "send",
        Func::from(move |fd: i32, bytes: TypedArray<u8>| {
            let bytes = copy_of(&bytes);
            Answer(open.with(fd, |socket| netlink::send(socket, &bytes)))
        }),
    )?;
    let open = with(&fds);
    host.set(
        "receive",
        Func::from(move |fd: i32, timeout_ms: f64| {
            let received = open.with(fd, |socket| netlink::receive(socket, timeout_ms));
            Answer(
                received
                    .map(|datagram| datagram.map(|(bytes, port)| rquickjs::convert::List((Bytes(bytes), whole(port))))),
            )
        }),
    )?;
    host.set("close", Func::from(move |fd: i32| fds.close(fd)))?;
    host.set(
        "sendFrames",
        Func::from(|ifindex: i32, frames: Vec<TypedArray<u8>>| {
            let frames: Vec<_> = frames.iter().map(copy_of).collect();
            Answer(interfaces::send_frames(ifindex, &frames))
        }),
    )?;
    host.set(
        "ethtool",
        Func::from(|ifname: Name, requests: Vec<TypedArray<u8>>| {
            let requests = requests.iter().map(copy_of).collect();
            let answers = interfaces::ethtool(ifname.0.as_bytes(), requests);
            Answer(answers.map(|answers| answers.into_iter().map(Reply).collect::<Vec<_>>()))
        }),
    )
}

/// Makes the global object `__host`.
pub fn install(ctx: &Ctx) -> JsResult<()> {
    let host = Object::new(ctx.clone())?;
    for add in [add_process, add_text, add_files, add_locks_and_children, add_network] {
        add(&host)?;
    }
    ctx.globals().set("__host", host)
}
