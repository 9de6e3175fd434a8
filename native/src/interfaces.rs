//! Requests for which netlink has no message: raw frames, and ethtool's ioctls.
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::thread::Builder;

use libc::{AF_PACKET, EINVAL, ENODEV, IFNAMSIZ, SOCK_CLOEXEC, SOCK_RAW, c_void};

use crate::values::{Failure, Outcome};

const ETHER_TYPE_OFFSET: usize = 12;
const HEADER_BYTES: usize = 14;
const CLOSING_STACK_BYTES: usize = 64 * 1024;

fn checked(result: isize) -> Outcome<isize> {
    if result < 0 { Err(io::Error::last_os_error().into()) } else { Ok(result) }
}

fn packet_socket() -> Outcome<OwnedFd> {
    // SAFETY: socket(2) touches no memory. With protocol 0 the socket only sends, and gets no frame of others.
    let fd = checked(unsafe { libc::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) } as isize)?;
    // SAFETY: the kernel has just given it to us, and nobody else has it
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Closes a packet socket on another thread: the kernel waits some milliseconds for its readers there (packet_release),
/// and the record can be written meanwhile. The process doesn't end before its threads have.
fn close_beside(socket: OwnedFd) {
    // If no thread can be made, the socket is closed here.
    let _ = Builder::new().stack_size(CLOSING_STACK_BYTES).spawn(move || drop(socket));
}

/// Sends Ethernet frames, headers included, out of an interface of the namespace that the thread is in (packet(7)).
pub fn send_frames(ifindex: i32, frames: &[Vec<u8>]) -> Outcome<()> {
    let socket = packet_socket()?;
    let sent = frames.iter().try_for_each(|frame| send_frame(&socket, ifindex, frame));
    close_beside(socket);
    sent
}

fn send_frame(socket: &OwnedFd, ifindex: i32, frame: &[u8]) -> Outcome<()> {
    if frame.len() < HEADER_BYTES {
        return Err(Failure::new(EINVAL, "too short for a frame"));
    }
    // SAFETY: a struct of integers, for which zero is a value
    let mut to: libc::sockaddr_ll = unsafe { zeroed() };
    to.sll_family = AF_PACKET as u16;
    // Kernels since 5.1 read the protocol from the frame themselves.
    to.sll_protocol = u16::from_ne_bytes([frame[ETHER_TYPE_OFFSET], frame[ETHER_TYPE_OFFSET + 1]]);
    to.sll_ifindex = ifindex;
    let (address, length) = ((&raw const to).cast(), size_of_val(&to) as u32);
    // SAFETY: the kernel reads `frame` and `to`, both of the length given
    checked(unsafe { libc::sendto(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0, address, length) })?;
    Ok(())
}

const SIOCETHTOOL: libc::Ioctl = 0x8946;

#[repr(C)]
struct InterfaceRequest {
    name: [u8; IFNAMSIZ],
    data: *mut c_void,
    rest: [u8; 16],
}

/// Makes requests of linux/ethtool.h to an interface in the namespace of a socket, which may be a netlink socket (since
/// Linux 4.4), one after the other. The kernel answers in the bytes of each request, or with an errno.
pub fn ethtool(socket: BorrowedFd, ifname: &[u8], requests: Vec<Vec<u8>>) -> Outcome<Vec<Result<Vec<u8>, i32>>> {
    if ifname.is_empty() || ifname.len() >= IFNAMSIZ || ifname.contains(&0) {
        return Err(Failure::new(ENODEV, "no interface can have that name"));
    }
    Ok(requests.into_iter().map(|request| ask(socket, ifname, request)).collect())
}

fn ask(socket: BorrowedFd, ifname: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>, i32> {
    let mut request = InterfaceRequest { name: [0; IFNAMSIZ], data: bytes.as_mut_ptr().cast(), rest: [0; 16] };
    request.name[..ifname.len()].copy_from_slice(ifname);
    // SAFETY: a struct ifreq that points at a request, which is as long as its own fields say; both outlive the call
    match checked(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) } as isize) {
        Err(failure) => Err(failure.errno),
        Ok(_) => Ok(bytes),
    }
}
