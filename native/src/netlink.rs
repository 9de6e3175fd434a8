//! Netlink sockets: datagrams in and out, whatever is in them.
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use libc::{ENOPROTOOPT, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, SOL_NETLINK};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{
    AddressFamily, Protocol, RawProtocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recvfrom, sendto,
    socket_with,
};

use crate::time::monotonic_ms;
use crate::values::{Failure, Outcome};

/// asm-generic/socket.h
const SO_NETNS_COOKIE: i32 = 71;
/// Room for many events, and for any datagram.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

fn set_netlink_option(socket: &OwnedFd, option: i32) -> Outcome<()> {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads the four bytes of `on`
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), SOL_NETLINK, option, (&raw const on).cast(), size_of_val(&on) as u32)
    };
    match std::io::Error::last_os_error() {
        error if result < 0 && error.raw_os_error() != Some(ENOPROTOOPT) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Opens a socket in the namespace that the thread is in, where it stays when the thread leaves.
pub fn open(groups: u32, protocol: u32) -> Outcome<OwnedFd> {
    // 0, NETLINK_ROUTE, is the default of the family
    let protocol = RawProtocol::new(protocol).map(Protocol::from_raw);
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    // reasons in words (4.12), dumps that heed their filter (4.20)
    for option in [NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK] {
        set_netlink_option(&socket, option)?;
    }
    // The kernel chooses a port (0), for a socket of no group in its first send(2).
    if groups != 0 {
        // Not every process may set that, and it isn't needed.
        let _ = set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES);
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    }
    Ok(socket)
}

/// SO_NETNS_COOKIE (5.14): the number of the socket's network namespace, as decimal text; none before.
pub fn netns_cookie(socket: BorrowedFd) -> Outcome<Option<String>> {
    let mut cookie: u64 = 0;
    let mut length = size_of_val(&cookie) as u32;
    // SAFETY: the kernel writes at most `length` bytes of `cookie`
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    match std::io::Error::last_os_error() {
        error if result < 0 && error.raw_os_error() == Some(ENOPROTOOPT) => Ok(None),
        error if result < 0 => Err(error.into()),
        _ => Ok(Some(cookie.to_string())),
    }
}

pub fn send(socket: BorrowedFd, bytes: &[u8]) -> Outcome<()> {
    let kernel = SocketAddrNetlink::new(0, 0);
    let sent = retry_on_intr(|| sendto(socket, bytes, SendFlags::empty(), &kernel))?;
    if sent == bytes.len() { Ok(()) } else { Err(Failure::new(libc::EIO, "not all bytes were taken")) }
}

/// A timespec of what is left until `deadline_ms`, at least zero.
pub fn left_until(deadline_ms: f64) -> Timespec {
    let left_ms = (deadline_ms - monotonic_ms()).max(0.0);
    Timespec { tv_sec: (left_ms / 1e3) as i64, tv_nsec: (left_ms % 1e3 * 1e6) as _ }
}

/// False when time is up. A signal doesn't start the time anew.
fn wait_for_input(socket: BorrowedFd, timeout_ms: f64) -> Outcome<bool> {
    let deadline_ms = monotonic_ms() + timeout_ms;
    loop {
        match poll(&mut [PollFd::from_borrowed_fd(socket, PollFlags::IN)], Some(&left_until(deadline_ms))) {
            Err(Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// None if there is no datagram yet. MSG_TRUNC tells its whole size.
fn receive_now(socket: BorrowedFd, room: &mut [u8]) -> Outcome<Option<(usize, u32)>> {
    let (_, size, from) = match retry_on_intr(|| recvfrom(socket, &mut *room, RecvFlags::TRUNC | RecvFlags::DONTWAIT)) {
        Err(Errno::AGAIN) => return Ok(None),
        received => received?,
    };
    let port = from.and_then(|address| SocketAddrNetlink::try_from(address).ok()).map_or(0, |address| address.pid());
    Ok(Some((size, port)))
}

/// Larger than any datagram of the kernel's. Only pages that were written to take memory.
static ROOM: Mutex<[u8; RECEIVE_BUFFER_BYTES]> = Mutex::new([0; RECEIVE_BUFFER_BYTES]);

/// The next datagram, whole, and its sender's port. The kernel answers inside send(2), so usually there is one.
pub fn receive(socket: BorrowedFd, timeout_ms: f64) -> Outcome<Option<(Vec<u8>, u32)>> {
    let room = &mut *ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let mut received = receive_now(socket, room)?;
    if received.is_none() && wait_for_input(socket, timeout_ms)? {
        received = receive_now(socket, room)?;
    }
    match received {
        Some((size, _)) if size > room.len() => {
            Err(Failure::new(libc::EMSGSIZE, "a datagram too large to be the kernel's"))
        }
        received => Ok(received.map(|(size, port)| (room[..size].to_vec(), port))),
    }
}
