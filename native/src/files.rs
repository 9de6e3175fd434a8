//! Files. Every descriptor is close-on-exec.
use std::ffi::{CString, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{EINVAL, EIO};
use rustix::fs::{CWD, Dir, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::values::{Failure, Name, Outcome, whole};
use crate::{host, umask};

const TOO_LONG: &str = "more than the allowed bytes";
const TOO_MANY: &str = "more than the allowed files";
const NOT_REGULAR: &str = "not a regular file";

/// openat(2); a new file is its owner's alone. Uses rustix, because under std musl's open() sets close-on-exec twice.
fn open_in(directory: BorrowedFd, path: &Path, flags: OFlags) -> Result<File, Errno> {
    let mode = Mode::RUSR | Mode::WUSR;
    retry_on_intr(|| rustix::fs::openat(directory, path, flags | OFlags::CLOEXEC, mode)).map(File::from)
}

pub fn open(path: &Path, flags: OFlags) -> Result<File, Errno> {
    open_in(CWD, path, flags)
}

/// O_NONBLOCK lets a FIFO or a device be opened without waiting.
fn open_at_once(directory: BorrowedFd, path: &Path, flags: OFlags) -> Outcome<File> {
    match open_in(directory, path, flags | OFlags::NONBLOCK | OFlags::NOCTTY) {
        // It is a socket, or a FIFO that nobody reads.
        Err(Errno::NXIO) => Err(Failure::new(EINVAL, NOT_REGULAR)),
        opened => Ok(opened?),
    }
}

/// Opens what must be a regular file, and returns its size too, which procfs and sysfs make up.
fn open_regular_in(directory: BorrowedFd, path: &Path, flags: OFlags) -> Outcome<(File, u64)> {
    let file = open_at_once(directory, path, flags)?;
    let status = file.metadata()?;
    if status.is_file() { Ok((file, status.len())) } else { Err(Failure::new(EINVAL, NOT_REGULAR)) }
}

fn open_regular(path: &Path, flags: OFlags) -> Outcome<File> {
    Ok(open_regular_in(CWD, path, flags)?.0)
}

/// Most files are smaller. A larger one takes some more calls.
const USUAL_BYTES: usize = 4096;

/// Reads to the end, whatever size fstat claims (sysfs says 4096, procfs 0).
pub fn read_all(source: &mut impl Read, max_bytes: usize) -> Outcome<Vec<u8>> {
    read_rest(source, Vec::with_capacity(USUAL_BYTES), max_bytes)
}

fn read_rest(source: &mut impl Read, mut bytes: Vec<u8>, max_bytes: usize) -> Outcome<Vec<u8>> {
    source.take((max_bytes + 1).saturating_sub(bytes.len()) as u64).read_to_end(&mut bytes)?;
    bytes.shrink_to_fit();
    if bytes.len() > max_bytes { Err(Failure::new(libc::EOVERFLOW, TOO_LONG)) } else { Ok(bytes) }
}

/// `at_once`: the kernel gives all of the file to one read(2), as it does with attributes of sysfs and with sysctls.
pub fn read(path: &Path, max_bytes: usize, follow_links: bool, at_once: bool) -> Outcome<Vec<u8>> {
    let flags = if follow_links { OFlags::RDONLY } else { OFlags::RDONLY | OFlags::NOFOLLOW };
    if at_once {
        return read_sized(open_at_once(CWD, path, flags)?, |_| true, max_bytes);
    }
    read_in(CWD, path, flags, max_bytes)
}

fn read_in(directory: BorrowedFd, path: &Path, flags: OFlags, max_bytes: usize) -> Outcome<Vec<u8>> {
    let (file, size) = open_regular_in(directory, path, flags)?;
    // A file that ends where its size says needs no second read.
    read_sized(file, |count| count as u64 == size, max_bytes)
}

/// `is_all` tells whether so many bytes, which are fewer than were asked for, are all.
fn read_sized(mut file: File, is_all: impl FnOnce(usize) -> bool, max_bytes: usize) -> Outcome<Vec<u8>> {
    let mut bytes = vec![0; USUAL_BYTES.min(max_bytes + 1)];
    let count = retry_on_intr(|| rustix::io::read(&file, &mut bytes[..]))?;
    bytes.truncate(count);
    if count < USUAL_BYTES && count <= max_bytes && is_all(count) {
        bytes.shrink_to_fit();
        return Ok(bytes);
    }
    read_rest(&mut file, bytes, max_bytes)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    // SAFETY: the two slices are read, as far as they reach
    let found = unsafe { libc::memmem(bytes.as_ptr().cast(), bytes.len(), text.as_ptr().cast(), text.len()) };
    !found.is_null()
}

/// What files are looked for, see `FileSearch` in src/platform/platform.ts.
pub struct Search {
    pub endings: Vec<String>,
    pub mark: String,
    pub texts: Vec<String>,
    pub max_files: usize,
    pub max_bytes: usize,
}

impl Search {
    pub fn run(&self, directory: &Path) -> Outcome<Vec<Name>> {
        let mut directory = open_dir(directory)?;
        let mut names = names_in(&mut directory)?;
        names.retain(|name| self.endings.iter().any(|ending| name.0.as_bytes().ends_with(ending.as_bytes())));
        if names.len() > self.max_files {
            return Err(Failure::new(libc::EOVERFLOW, TOO_MANY));
        }
        let directory = directory.fd()?;
        names.retain(|name| self.finds(directory, name));
        Ok(names)
    }

    fn finds(&self, directory: BorrowedFd, name: &Name) -> bool {
        let is_marked = holds(name.0.as_bytes(), &self.mark);
        if is_marked && self.texts.is_empty() {
            return true;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
        let Ok(bytes) = read_in(directory, name.path(), flags, self.max_bytes) else { return is_marked };
        (is_marked || holds(&bytes, &self.mark))
            && (self.texts.is_empty() || self.texts.iter().any(|text| holds(&bytes, text)))
    }
}

/// The mode that `open` gives a new file. The umask takes nothing away from it (umask.rs).
const OWNER_ALONE: u32 = 0o600;

static TEMPORARY_FILES: AtomicU32 = AtomicU32::new(0);

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new(if path.has_root() { "/" } else { "." }),
    }
}

/// A new file in `directory`, which nobody else reads yet.
fn create_temporary(directory: &Path) -> Outcome<(PathBuf, File)> {
    loop {
        let number = TEMPORARY_FILES.fetch_add(1, Ordering::Relaxed);
        let temporary = directory.join(format!(".dra-sriov-{}-{number}.tmp", host::pid()));
        match open(&temporary, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL) {
            // The name is taken by a killed process of the same number, or by one of another PID namespace.
            Err(Errno::EXIST) => continue,
            opened => return Ok((temporary, opened?)),
        }
    }
}

/// Sets a mode that `open` has not given the file. It comes after the content, so nobody reads a half-written file.
fn complete(file: File, mode: u32, syncs: bool) -> Outcome<()> {
    if mode != OWNER_ALONE {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    if syncs {
        file.sync_all()?;
    }
    Ok(())
}

/// What is on disk after a write.
#[derive(Clone, Copy)]
pub struct Durable {
    pub content: bool,
    pub name: bool,
}

/// Replaces a file: `path` is always the old one or the whole new one.
fn replace(
    path: &Path,
    mode: u32,
    durable: Durable,
    temporary_in: Option<&Path>,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Outcome<()> {
    let directory = directory_of(path);
    let (temporary, mut file) = create_temporary(temporary_in.unwrap_or(directory))?;
    let filled = fill(&mut file).map_err(Failure::from).and_then(|()| complete(file, mode, durable.content));
    if let Err(failure) = filled.and_then(|()| Ok(fs::rename(&temporary, path)?)) {
        let _ = fs::remove_file(&temporary);
        return Err(failure);
    }
    if durable.name {
        open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?.sync_all()?;
    }
    Ok(())
}

/// The temporary file is beside `path`, or in another directory of the same file system.
pub fn write_atomic(
    path: &Path,
    content: &str,
    mode: u32,
    durable: Durable,
    temporary_in: Option<&Path>,
) -> Outcome<()> {
    replace(path, mode, durable, temporary_in, |file| file.write_all(content.as_bytes()))
}

pub fn copy_atomic(from: &Path, to: &Path, mode: u32) -> Outcome<()> {
    let mut source = open_regular(from, OFlags::RDONLY)?;
    replace(to, mode, Durable { content: true, name: true }, None, |file| std::io::copy(&mut source, file).map(drop))
}

/// Writes by one write(2), as sysfs and procfs demand. They ignore O_TRUNC; with it plain files behave like them.
pub fn write_system_file(path: &Path, content: &str) -> Outcome<()> {
    let count = open_at_once(CWD, path, OFlags::WRONLY | OFlags::TRUNC)?.write(content.as_bytes())?;
    if count == content.len() { Ok(()) } else { Err(Failure::new(EIO, "not all bytes were taken")) }
}

pub fn append(path: &Path, content: &str) -> Outcome<()> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW;
    Ok(open_regular(path, flags)?.write_all(content.as_bytes())?)
}

fn open_dir(path: &Path) -> Outcome<Dir> {
    Ok(Dir::new(open(path, OFlags::RDONLY | OFlags::DIRECTORY)?)?)
}

fn names_in(directory: &mut Dir) -> Outcome<Vec<Name>> {
    let mut names = Vec::new();
    for entry in directory {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(Name(OsString::from_vec(name.to_vec())));
        }
    }
    Ok(names)
}

pub fn read_dir(path: &Path) -> Outcome<Vec<Name>> {
    names_in(&mut open_dir(path)?)
}

pub fn read_link(path: &Path) -> Outcome<Name> {
    Ok(Name(fs::read_link(path)?.into_os_string()))
}

/// Kind, mode, owner, size, device, inode of the path itself.
pub fn lstat(path: &Path) -> Outcome<(&'static str, u32, f64, f64, f64, String, String)> {
    let status = fs::symlink_metadata(path)?;
    let kind = match status.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        kind if kind.is_symlink() => "link",
        _ => "other",
    };
    let modified_ms = status.mtime() * 1000 + status.mtime_nsec() / 1_000_000;
    let (device, inode) = (status.dev().to_string(), status.ino().to_string());
    Ok((kind, status.mode() & 0o7777, whole(status.uid()), status.len() as f64, modified_ms as f64, device, inode))
}

pub fn is_executable(path: &Path) -> Outcome<bool> {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK)?;
    Ok(fs::metadata(path)?.is_file())
}

/// Never waits. A device that could be opened is closed at once.
pub fn is_busy(path: &Path) -> bool {
    let opened = open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY);
    opened.is_err_and(|errno| errno == Errno::BUSY)
}

const PARENT_MODE: u32 = 0o755;

/// Makes a directory of exactly `mode`; one that another process made meanwhile stays as it is, and is false.
pub fn make_dir(path: &Path, mode: u32) -> Outcome<bool> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && fs::metadata(path)?.is_dir() => return Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| *parent != Path::new("")).ok_or(error)?;
            make_dir(parent, PARENT_MODE)?;
            return make_dir(path, mode);
        }
        made => made?,
    }
    if !umask::leaves(mode) {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(true)
}

pub fn unlink(path: &Path) -> Outcome<()> {
    Ok(rustix::fs::unlink(CString::new(path.as_os_str().as_bytes()).map_err(std::io::Error::from)?)?)
}

pub fn rename(from: &Path, to: &Path) -> Outcome<()> {
    Ok(fs::rename(from, to)?)
}

pub fn remove_dir(path: &Path) -> Outcome<()> {
    Ok(fs::remove_dir(path)?)
}
