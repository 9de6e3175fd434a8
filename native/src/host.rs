//! The host object: every function that JavaScript may call (src/platform/os.ts has their types).
use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;

use rquickjs::convert::List;
use rquickjs::function::{Function, IntoJsFunc, ParamRequirement, Params};
use rquickjs::{Ctx, FromJs, IntoJs, Object, Result as JsResult, TypedArray, Value};

use crate::lock::Locks;
use crate::processes::Running;
use crate::values::{Answer, Bytes, Failure, Name, Outcome, Reply, Text, Told, copy_of, whole};
use crate::{files, interfaces, netlink, netns, parts, processes, signals, streams, time};

/// A call from JavaScript.
type Call<'a, 'js> = Params<'a, 'js>;

type Task<'js> = dyn for<'a> Fn(&Call<'a, 'js>) -> JsResult<Value<'js>> + 'js;

/// A function of the host. All functions are of one type and convert their arguments themselves, because rquickjs makes
/// 1 to 10 KB of code for each closure that has arguments.
struct Native<'js>(Box<Task<'js>>);

/// Tells `Native` from rquickjs's own functions.
struct ByCall;

impl<'js> IntoJsFunc<'js, ByCall> for Native<'js> {
    fn param_requirements() -> ParamRequirement {
        ParamRequirement::any()
    }

    fn call<'a>(&self, call: Params<'a, 'js>) -> JsResult<Value<'js>> {
        (self.0)(&call)
    }
}

#[inline(never)]
fn set_native<'js>(host: &Object<'js>, name: &str, task: Box<Task<'js>>) -> JsResult<()> {
    host.set(name, Function::new(host.ctx().clone(), Native(task))?)
}

fn set<'js>(
    host: &Object<'js>,
    name: &str,
    task: impl for<'a> Fn(&Call<'a, 'js>) -> JsResult<Value<'js>> + 'js,
) -> JsResult<()> {
    set_native(host, name, Box::new(task))
}

/// An argument; undefined where there is none.
#[inline(never)]
fn arg<'js, T: FromJs<'js>>(call: &Call<'_, 'js>, at: usize) -> JsResult<T> {
    let value = call.arg(at).unwrap_or_else(|| Value::new_undefined(call.ctx().clone()));
    T::from_js(call.ctx(), value)
}

#[inline(never)]
fn give<'js, T: IntoJs<'js>>(call: &Call<'_, 'js>, value: T) -> JsResult<Value<'js>> {
    value.into_js(call.ctx())
}

fn answer<'js, T: IntoJs<'js>>(call: &Call<'_, 'js>, outcome: Outcome<T>) -> JsResult<Value<'js>> {
    give(call, Answer(outcome))
}

fn tell<'js, T: IntoJs<'js>>(call: &Call<'_, 'js>, outcome: Outcome<T>) -> JsResult<Value<'js>> {
    give(call, Told(outcome))
}

/// Descriptors, a few at a time. A number that isn't an open descriptor of ours is EBADF.
#[derive(Default, Clone)]
struct Descriptors(Rc<RefCell<Vec<OwnedFd>>>);

impl Descriptors {
    fn keep(&self, fd: OwnedFd) -> i32 {
        let number = fd.as_raw_fd();
        self.0.borrow_mut().push(fd);
        number
    }

    fn with<T>(&self, number: i32, task: impl FnOnce(BorrowedFd) -> Outcome<T>) -> Outcome<T> {
        let open = self.0.borrow();
        task(open.iter().find(|fd| fd.as_raw_fd() == number).ok_or(Failure::new(libc::EBADF, ""))?.as_fd())
    }

    fn close(&self, number: i32) {
        self.0.borrow_mut().retain(|fd| fd.as_raw_fd() != number);
    }
}

fn environment<'js>(ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
    let environment = Object::new(ctx.clone())?;
    for (name, value) in std::env::vars_os() {
        environment.set(&*name.to_string_lossy(), &*value.to_string_lossy())?;
    }
    Ok(environment.into_value())
}

fn add_process(host: &Object) -> JsResult<()> {
    set(host, "argv", |call| give(call, ARGUMENTS.get().cloned().unwrap_or_default()))?;
    set(host, "environment", |call| environment(call.ctx()))?;
    set(host, "executable", |call| answer(call, files::read_link(Path::new("/proc/self/exe"))))?;
    host.set("pid", pid())?;
    set(host, "exit", |call| exit(arg(call, 0)?))?;
    set(host, "holdSignals", |call| give(call, signals::hold()))?;
    set(host, "signalCame", |call| give(call, signals::came()))?;
    set(host, "limitRun", |call| give(call, time::limit_run(arg(call, 0)?, arg::<Text>(call, 1)?.0)))?;
    set(host, "monotonicMs", |call| give(call, time::monotonic_ms()))?;
    set(host, "sleepMs", |call| give(call, time::sleep_ms(arg(call, 0)?)))?;
    set(host, "readStdin", |call| answer(call, streams::read_stdin(arg(call, 0)?).map(Bytes)))?;
    set(host, "writeStdout", |call| answer(call, streams::write_stdout(&arg::<Text>(call, 0)?.0)))?;
    set(host, "writeStderr", |call| answer(call, streams::write_stderr(&arg::<Text>(call, 0)?.0)))?;
    set(host, "terminalColumns", |call| give(call, streams::terminal_columns(&arg::<Text>(call, 0)?.0)))
}

/// Asks the kernel once: the number is in the name of every temporary file.
pub fn pid() -> u32 {
    static PID: OnceLock<u32> = OnceLock::new();
    *PID.get_or_init(std::process::id)
}

/// The arguments of `main` after the program's name. std has them only if it has started the program itself.
pub static ARGUMENTS: OnceLock<Vec<String>> = OnceLock::new();

/// Ends the process without freeing memory, which would take longer than the work. All output is written by then.
fn exit(code: i32) -> ! {
    // SAFETY: ends the process, that is all
    unsafe { libc::_exit(code) }
}

fn add_text(host: &Object) -> JsResult<()> {
    set(host, "loadPart", |call| parts::load(call.ctx().clone(), arg(call, 0)?).map(Object::into_value))?;
    set(host, "encodeUtf8", |call| give(call, Bytes(arg::<Text>(call, 0)?.0.into_bytes())))?;
    set(host, "decodeUtf8", |call| give(call, &*String::from_utf8_lossy(&copy_of(&arg(call, 0)?))))
}

fn search_files<'js>(call: &Call<'_, 'js>) -> JsResult<Value<'js>> {
    let (directory, endings, mark) = (arg::<Name>(call, 0)?, arg(call, 1)?, arg::<Text>(call, 2)?.0);
    let texts = arg::<Vec<Text>>(call, 3)?.into_iter().map(|text| text.0).collect();
    let search = files::Search { endings, mark, texts, max_files: arg(call, 4)?, max_bytes: arg(call, 5)? };
    tell(call, search.run(directory.path()))
}

fn add_files(host: &Object) -> JsResult<()> {
    set(host, "readFile", |call| {
        let path: Name = arg(call, 0)?;
        tell(call, files::read(path.path(), arg(call, 1)?, arg(call, 2)?, arg(call, 3)?).map(Bytes))
    })?;
    set(host, "writeFileAtomic", |call| {
        let (path, content): (Name, Text) = (arg(call, 0)?, arg(call, 1)?);
        let durable = files::Durable { content: arg(call, 3)?, name: arg(call, 4)? };
        let temporary_in: Option<Name> = arg(call, 5)?;
        let temporary_in = temporary_in.as_ref().map(Name::path);
        answer(call, files::write_atomic(path.path(), &content.0, arg(call, 2)?, durable, temporary_in))
    })?;
    set(host, "copyFileAtomic", |call| {
        let (from, to): (Name, Name) = (arg(call, 0)?, arg(call, 1)?);
        answer(call, files::copy_atomic(from.path(), to.path(), arg(call, 2)?))
    })?;
    set(host, "writeSystemFile", |call| {
        let (path, content): (Name, Text) = (arg(call, 0)?, arg(call, 1)?);
        answer(call, files::write_system_file(path.path(), &content.0))
    })?;
    set(host, "appendFile", |call| {
        let (path, content): (Name, Text) = (arg(call, 0)?, arg(call, 1)?);
        answer(call, files::append(path.path(), &content.0))
    })?;
    set(host, "searchFiles", search_files)?;
    set(host, "readDir", |call| tell(call, files::read_dir(arg::<Name>(call, 0)?.path())))?;
    set(host, "readLink", |call| tell(call, files::read_link(arg::<Name>(call, 0)?.path())))?;
    set(host, "lstat", |call| tell(call, files::lstat(arg::<Name>(call, 0)?.path()).map(List)))?;
    set(host, "isExecutable", |call| tell(call, files::is_executable(arg::<Name>(call, 0)?.path())))?;
    set(host, "isBusy", |call| give(call, files::is_busy(arg::<Name>(call, 0)?.path())))?;
    set(host, "makeDir", |call| answer(call, files::make_dir(arg::<Name>(call, 0)?.path(), arg(call, 1)?)))?;
    set(host, "unlink", |call| tell(call, files::unlink(arg::<Name>(call, 0)?.path())))?;
    set(host, "rename", |call| {
        let (from, to): (Name, Name) = (arg(call, 0)?, arg(call, 1)?);
        answer(call, files::rename(from.path(), to.path()))
    })?;
    set(host, "removeDir", |call| tell(call, files::remove_dir(arg::<Name>(call, 0)?.path())))
}

fn add_locks(host: &Object, locks: &Rc<RefCell<Locks>>) -> JsResult<()> {
    let same = locks.clone();
    set(host, "lock", move |call| {
        let (path, note): (Name, Option<Text>) = (arg(call, 0)?, arg(call, 2)?);
        let note = note.as_ref().map(|note| note.0.as_str());
        answer(call, same.borrow_mut().lock(path.path(), arg(call, 1)?, note))
    })?;
    let same = locks.clone();
    set(host, "unlock", move |call| {
        let path: Name = arg(call, 0)?;
        give(call, same.borrow_mut().unlock(path.path(), arg(call, 1)?))
    })
}

fn add_children(host: &Object, locks: Rc<RefCell<Locks>>) -> JsResult<()> {
    let children = Rc::new(RefCell::new(Vec::<Option<Running>>::new()));
    let same = children.clone();
    set(host, "startProcess", move |call| {
        let (path, args, stdin): (Text, Vec<String>, Text) = (arg(call, 0)?, arg(call, 1)?, arg(call, 3)?);
        let env = arg::<Object>(call, 2)?.props().collect::<JsResult<Vec<(String, String)>>>()?;
        let locks = locks.borrow();
        let shared = locks.descriptors();
        let started = processes::start(&path.0, &args, env, stdin.0, arg(call, 4)?, &shared);
        let keep = |child| {
            children.borrow_mut().push(Some(child));
            children.borrow().len() - 1
        };
        answer(call, started.map(keep))
    })?;
    set(host, "waitProcess", move |call| {
        let child = same.borrow_mut().get_mut(arg::<usize>(call, 0)?).and_then(Option::take);
        answer(call, child.ok_or(Failure::new(libc::ECHILD, "")).and_then(Running::wait).map(List))
    })
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
    set(host, "openNetns", move |call| {
        let path: Name = arg(call, 0)?;
        tell(call, netns::open(path.path()).map(|fd| open.keep(fd)))
    })?;
    let open = with(&fds);
    set(host, "identity", move |call| answer(call, open.with(arg(call, 0)?, netns::identity).map(List)))?;
    let open = with(&fds);
    set(host, "enterNetns", move |call| answer(call, open.with(arg(call, 0)?, netns::enter)))?;
    let open = with(&fds);
    set(host, "openNetlink", move |call| {
        answer(call, netlink::open(arg(call, 0)?, arg(call, 1)?).map(|fd| open.keep(fd)))
    })?;
    let open = with(&fds);
    set(host, "netnsCookie", move |call| answer(call, open.with(arg(call, 0)?, netlink::netns_cookie)))?;
    let open = with(&fds);
    set(host, "send", move |call| {
        let bytes = copy_of(&arg(call, 1)?);
        answer(call, open.with(arg(call, 0)?, |socket| netlink::send(socket, &bytes)))
    })?;
    let open = with(&fds);
    set(host, "receive", move |call| {
        let timeout_ms = arg(call, 1)?;
        let received = open.with(arg(call, 0)?, |socket| netlink::receive(socket, timeout_ms));
        answer(call, received.map(|datagram| datagram.map(|(bytes, port)| List((Bytes(bytes), whole(port))))))
    })?;
    let open = with(&fds);
    set(host, "close", move |call| give(call, open.close(arg(call, 0)?)))?;
    set(host, "sendFrames", |call| {
        let frames: Vec<_> = arg::<Vec<TypedArray<u8>>>(call, 1)?.iter().map(copy_of).collect();
        answer(call, interfaces::send_frames(arg(call, 0)?, &frames))
    })?;
    set(host, "ethtool", move |call| {
        let requests = arg::<Vec<TypedArray<u8>>>(call, 2)?.iter().map(copy_of).collect();
        let name: Name = arg(call, 1)?;
        let answers = fds.with(arg(call, 0)?, |socket| interfaces::ethtool(socket, name.0.as_bytes(), requests));
        answer(call, answers.map(|answers| answers.into_iter().map(Reply).collect::<Vec<_>>()))
    })
}

/// Makes the global object `__host`.
pub fn install(ctx: &Ctx) -> JsResult<()> {
    let host = Object::new(ctx.clone())?;
    for add in [add_process, add_text, add_files, add_locks_and_children, add_network] {
        add(&host)?;
    }
    ctx.globals().set("__host", host)
}
