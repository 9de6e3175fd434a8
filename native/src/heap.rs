//! Memory of the whole process, Rust's and the engine's.
use std::alloc::{GlobalAlloc, Layout};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dlmalloc::Dlmalloc;

/// Step by which the heap grows: an ADD takes two or three, and only pages that are used take memory.
const STEP_BYTES: usize = 1024 * 1024;

/// The allocator of the C library takes 200 system calls of an ADD (musl), or 30 KB of the executable and 15 % of the
/// memory of VERSION (glibc).
pub struct Heap(Mutex<Dlmalloc>);

impl Heap {
    pub const fn new() -> Self {
        let mut allocator = Dlmalloc::new();
        assert!(allocator.set_granularity(STEP_BYTES));
        Self(Mutex::new(allocator))
    }

    fn allocator(&self) -> MutexGuard<'_, Dlmalloc> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SAFETY: one caller at a time, and each passes on what its own caller promises
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { self.allocator().malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { self.allocator().calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe { self.allocator().realloc(memory, layout.size(), layout.align(), new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { self.allocator().free(memory, layout.size(), layout.align()) }
    }
}
