//! flock(2) on a file that its holder unlinks, or on a file or directory that stays.
use std::fs::{self, File, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use libc::{EINVAL, EIO};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::files::open;
use crate::time::{monotonic_ms, sleep_ms};
use crate::values::{Failure, Outcome};

const FIRST_PAUSE_MS: f64 = 2.0;
const MAX_PAUSE_MS: f64 = 20.0;
/// Far more than newcomers can replace the file in a row: beyond it, the file system gives one file two identities.
const MAX_REPLACEMENTS: u32 = 1000;

/// A locked file, with its status after the lock was taken.
struct Lock {
    file: File,
    status: Metadata,
}

enum Attempt {
    Locked(Lock),
    Held,
    Gone,
}

/// False if another process removed the file after we opened it: then the lock on it means nothing to newcomers.
fn is_still_at(path: &Path, opened: &Metadata) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (opened.dev(), opened.ino()))
}

fn attempt(path: &Path, make: bool) -> Outcome<Attempt> {
    let access = if make { OFlags::RDWR | OFlags::CREATE } else { OFlags::RDONLY };
    let file = open(path, access | OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
    match rustix::io::retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(Attempt::Held),
        Err(errno) => return Err(errno.into()),
    }
    let status = file.metadata()?;
    if make && !status.is_file() {
        return Err(Failure::new(EINVAL, "not a regular file"));
    }
    Ok(if is_still_at(path, &status) { Attempt::Locked(Lock { file, status }) } else { Attempt::Gone })
}

fn wait_for(path: &Path, timeout_ms: f64, make: bool) -> Outcome<Option<Lock>> {
    let deadline_ms = monotonic_ms() + timeout_ms;
    let mut pause_ms = FIRST_PAUSE_MS;
    let mut replacements = 0;
    loop {
        match attempt(path, make)? {
            Attempt::Locked(lock) => return Ok(Some(lock)),
            Attempt::Gone if replacements == MAX_REPLACEMENTS => {
                return Err(Failure::new(EIO, "it is another file at every look"));
            }
            Attempt::Gone => replacements += 1,
            Attempt::Held => {
                let left_ms = deadline_ms - monotonic_ms();
                if left_ms <= 0.0 {
                    return Ok(None);
                }
                sleep_ms(pause_ms.min(left_ms));
                pause_ms = (pause_ms * 2.0).min(MAX_PAUSE_MS);
            }
        }
    }
}

/// The locks that this process holds.
#[derive(Default)]
pub struct Locks {
    /// Locks, each with its number and whether unlock() removes its file.
    files: Vec<(u32, Lock, bool)>,
    taken: u32,
}

impl Locks {
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.files.iter().map(|(_, lock, _)| lock.file.as_fd()).collect()
    }

    /// The number of the lock, or None if somebody holds it for that long. Without a note the file or directory must
    /// exist.
    pub fn lock(&mut self, path: &Path, timeout_ms: f64, note: Option<&str>) -> Outcome<Option<u32>> {
        let Some(lock) = wait_for(path, timeout_ms, note.is_some())? else { return Ok(None) };
        if let Some(note) = note {
            let Lock { file, status } = &lock;
            // The note is for people. A full disk is no reason not to lock, because DEL must work on one.
            let emptied = if status.len() == 0 { Ok(()) } else { file.set_len(0) };
            let _ = emptied.and_then(|()| file.write_all_at(note.as_bytes(), 0));
        }
        self.taken += 1;
        self.files.push((self.taken, lock, note.is_some()));
        Ok(Some(self.taken))
    }

    /// Unlinks before it closes, because after that the file may be a newcomer's. A file that can't be unlinked holds
    /// no lock.
    pub fn unlock(&mut self, path: &Path, number: u32) {
        let Some(at) = self.files.iter().position(|(taken, ..)| *taken == number) else { return };
        let (_, lock, is_ours) = self.files.remove(at);
        if is_ours && is_still_at(path, &lock.status) {
            let _ = fs::remove_file(path);
        }
    }
}
