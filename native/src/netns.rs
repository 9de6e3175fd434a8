//! Network namespaces. A thread is in one; this program is one thread.
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use libc::{CLONE_NEWNET, EINVAL};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::files;
use crate::values::{Failure, Outcome};

/// linux/nsfs.h: _IO(0xb7, 3), answers the CLONE_NEW* bit of an open namespace.
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
const NOT_A_NETNS: &str = "not a network namespace";

pub fn open(path: &Path) -> Outcome<OwnedFd> {
    let file = match files::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
        // a socket
        Err(Errno::NXIO) => return Err(Failure::new(EINVAL, NOT_A_NETNS)),
        opened => opened?,
    };
    // SAFETY: this request takes no argument
    let kind = unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) };
    if kind == CLONE_NEWNET { Ok(file.into()) } else { Err(Failure::new(EINVAL, NOT_A_NETNS)) }
}

/// Device and inode, which identify the namespace.
pub fn identity(netns: BorrowedFd) -> Outcome<(String, String)> {
    let status = rustix::fs::fstat(netns)?;
    Ok((status.st_dev.to_string(), status.st_ino.to_string()))
}

pub fn enter(netns: BorrowedFd) -> Outcome<()> {
    Ok(move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))?)
}
