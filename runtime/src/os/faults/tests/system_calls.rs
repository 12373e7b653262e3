//! System calls that touch revoked pages: with userfaultfd they work, with the others they fail with EFAULT and lose nothing.

use super::*;
use std::{
    io::{Read, Write},
    os::fd::AsRawFd,
    os::unix::net::UnixStream,
};

const BYTES: usize = 3000;

/// A system call that reads memory or writes to it, `BYTES` bytes of it at the pointer.
struct Call {
    name: &'static str,
    /// Whether it writes to the memory.
    fills: bool,
    /// What the call gives.
    run: fn(NonNull<u8>) -> isize,
}

/// A file of `BYTES` times 9.
fn file() -> std::fs::File {
    let file = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = std::fs::File::from(file);
    file.write_all(&[9; BYTES]).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file
}

/// A socket in which `BYTES` times 9 wait, and its other end.
fn sockets() -> (UnixStream, UnixStream) {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(&[9; BYTES]).unwrap();
    (near, far)
}

/// Whether the other end of a socket or pipe got `BYTES` times 5, if anything was sent.
fn arrived(sent: isize, mut at: impl Read) -> isize {
    let mut got = vec![0; usize::try_from(sent).unwrap_or(0)];
    at.read_exact(&mut got).unwrap();
    assert!(got.iter().all(|byte| *byte == 5), "other bytes were sent");
    sent
}

const CALLS: &[Call] = &[
    Call {
        name: "read",
        fills: true,
        // SAFETY: the memory is there, for this and all calls below.
        run: |at| unsafe { libc::read(file().as_raw_fd(), at.as_ptr().cast(), BYTES) },
    },
    Call {
        name: "pread",
        fills: true,
        // SAFETY: as above.
        run: |at| unsafe { libc::pread(file().as_raw_fd(), at.as_ptr().cast(), BYTES, 0) },
    },
    Call {
        name: "readv",
        fills: true,
        run: |at| {
            // SAFETY: the second part lies behind the first.
            let second = unsafe { at.add(1000) };
            let parts = [(at, 1000), (second, BYTES - 1000)];
            let parts = parts.map(|(at, iov_len)| libc::iovec { iov_base: at.as_ptr().cast(), iov_len });
            // SAFETY: as above.
            unsafe { libc::readv(file().as_raw_fd(), parts.as_ptr(), 2) }
        },
    },
    Call {
        name: "recv",
        fills: true,
        run: |at| {
            let (near, _far) = sockets();
            // SAFETY: as above.
            unsafe { libc::recv(near.as_raw_fd(), at.as_ptr().cast(), BYTES, 0) }
        },
    },
    Call {
        name: "write",
        fills: false,
        run: |at| {
            let (reader, writer) = std::io::pipe().unwrap();
            // SAFETY: as above.
            let sent = unsafe { libc::write(writer.as_raw_fd(), at.as_ptr().cast(), BYTES) };
            arrived(sent, reader)
        },
    },
    Call {
        name: "pwrite",
        fills: false,
        run: |at| {
            let file = file();
            // SAFETY: as above.
            let sent = unsafe { libc::pwrite(file.as_raw_fd(), at.as_ptr().cast(), BYTES, 0) };
            arrived(sent, file)
        },
    },
    Call {
        name: "send",
        fills: false,
        run: |at| {
            let (near, far) = sockets();
            // SAFETY: as above.
            let sent = unsafe { libc::send(far.as_raw_fd(), at.as_ptr().cast(), BYTES, 0) };
            let mut before = [0; BYTES];
            (&near).read_exact(&mut before).unwrap();
            arrived(sent, near)
        },
    },
    // Its data never is in the program's memory; its offset is.
    Call {
        name: "sendfile",
        fills: false,
        run: |at| {
            let (near, far) = UnixStream::pair().unwrap();
            let file = file();
            // SAFETY: the offset is an aligned i64 of the page.
            let sent = unsafe { libc::sendfile(far.as_raw_fd(), file.as_raw_fd(), at.as_ptr().cast(), BYTES) };
            // The offset reads 5 5 5 … : behind the file's end, so that nothing is sent.
            drop(near);
            if sent == 0 { BYTES as isize } else { sent }
        },
    },
];

#[test]
fn work_with_userfaultfd_and_fail_with_efault_else() {
    each(4, |heap| {
        // Across the border of two pages, so that there are two faults in one call.
        let at = 2 * PAGE - 8 * 100;
        for call in CALLS {
            for i in at..at + BYTES {
                heap.write(i, if call.name == "sendfile" && i == at + 7 { 0 } else { 5 });
            }
            heap.send_away(1..3);
            heap.faults();
            let got = (call.run)(heap.user(at));
            let error = std::io::Error::last_os_error().raw_os_error();
            if heap.access.kind() == Faults::Userfaultfd {
                assert_eq!(got, BYTES as isize, "{}: {error:?}", call.name);
                let (reads, writes) = heap.faults();
                assert!(reads + writes >= if call.name == "sendfile" { 1 } else { 2 }, "{}", call.name);
                let expected = if call.fills { 9 } else { 5 };
                assert!((at..at + BYTES).all(|i| heap.read(i) == expected || i == at + 7), "{}", call.name);
            } else {
                assert_eq!((got, error), (-1, Some(libc::EFAULT)), "{}", call.name);
                assert_eq!(heap.faults(), (0, 0));
                // Nothing is lost, and after a touch the call works.
                assert!((at..at + BYTES).all(|i| heap.read(i) == 5 || i == at + 7), "{}", call.name);
                assert_eq!((call.run)(heap.user(at)), BYTES as isize, "{}", call.name);
            }
        }
    });
}

#[test]
fn a_write_by_the_kernel_to_a_protected_page_is_noticed() {
    each(4, |heap| {
        heap.write(PAGE, 5);
        heap.access.restore(PAGE..2 * PAGE).unwrap();
        heap.access.protect(PAGE..2 * PAGE).unwrap();
        heap.faults();
        let file = file();
        // SAFETY: the memory is there.
        let got = unsafe { libc::pread(file.as_raw_fd(), heap.user(PAGE).as_ptr().cast(), BYTES, 0) };
        if heap.access.kind() == Faults::Userfaultfd {
            assert_eq!((got, heap.read(PAGE), heap.faults()), (BYTES as isize, 9, (0, 1)));
        } else {
            assert_eq!((got, heap.read(PAGE), heap.faults()), (-1, 5, (0, 0)));
        }
    });
}
