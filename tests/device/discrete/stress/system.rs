//! System calls into and out of heap memory.
//!
//! Where such memory may be with the device and the mode serves faults in the touching thread, the system may refuse with EFAULT. Then a part of the
//! bytes may have been moved, but never wrong ones.

use super::{piece::Chunk, setting::Setting};
use fastrand::Rng;
use rustix::{
    fs::{MemfdFlags, memfd_create, sendfile},
    io::{Errno, pread, preadv, pwrite, pwritev, read, write},
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read, Seek, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

/// Sockets take about three times this before they block.
const SOCKET: usize = 60_000;

/// One system call on a part of the chunk.
pub fn call(setting: &Setting, rng: &mut Rng, chunk: &mut Chunk<'_>) {
    if chunk.len() == 0 {
        return;
    }
    let at = rng.usize(0..chunk.len());
    let len = rng.usize(1..=(chunk.len() - at).min(1 << 20));
    match rng.u32(0..9) {
        0 => from_file(setting, rng, chunk, at, len, "read", |file, bytes| read(file, bytes)),
        1 => from_file(setting, rng, chunk, at, len, "pread", |file, bytes| pread(file, bytes, 0)),
        2 => {
            let cut = rng.usize(0..=len);
            from_file(setting, rng, chunk, at, len, "readv", |file, bytes| {
                let (a, b) = bytes.split_at_mut(cut);
                preadv(file, &mut [IoSliceMut::new(a), IoSliceMut::new(b)], 0)
            });
        }
        3 => from_socket(setting, rng, chunk, at, len, false),
        4 => from_socket(setting, rng, chunk, at, len, true),
        5 => to_file(setting, chunk, at, len, "write", |file, bytes| write(file, bytes)),
        6 => to_file(setting, chunk, at, len, "pwrite", |file, bytes| pwrite(file, bytes, 0)),
        7 => {
            let cut = rng.usize(0..=len);
            to_file(setting, chunk, at, len, "writev", |file, bytes| {
                let (a, b) = bytes.split_at(cut);
                pwritev(file, &[IoSlice::new(a), IoSlice::new(b)], 0)
            });
        }
        _ => to_socket(setting, chunk, at, len),
    }
}

fn file(content: &[u8]) -> File {
    let fd: OwnedFd = memfd_create("vksvm-stress", MemfdFlags::CLOEXEC).expect("memfd_create");
    let mut file = File::from(fd);
    file.write_all(content).expect("memory for a file");
    file.rewind().expect("a file can be rewound");
    file
}

fn pattern(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut pattern = vec![0; len];
    rng.fill(&mut pattern);
    pattern
}

/// Bytes that were moved. EFAULT is none, where it may come.
fn moved(setting: &Setting, name: &'static str, result: io::Result<usize>) -> usize {
    match result {
        Ok(count) => {
            setting.record.count(name, 1);
            count
        }
        Err(error) if error.raw_os_error() == Some(Errno::FAULT.raw_os_error()) && setting.mode.may_efault() => {
            setting.record.count("EFAULT", 1);
            0
        }
        Err(error) => panic!("{}: {name} on heap memory: {error}", setting.mode.name),
    }
}

/// What a call that said it moved `count` bytes did to the chunk's bytes from `at` on, `all` had it moved everything.
fn arrived(setting: &Setting, chunk: &mut Chunk<'_>, at: usize, all: &[u8], count: usize, name: &str) {
    chunk.model[at..at + count].copy_from_slice(&all[..count]);
    if setting.mode.may_efault() && count < all.len() {
        // Of what it did not count it may have written some nevertheless, but nothing else.
        for (index, new) in all.iter().enumerate().skip(count) {
            if chunk.bytes[at + index] == *new {
                chunk.model[at + index] = *new;
            }
        }
    }
    chunk.check(at..at + all.len(), name);
}

fn from_file(
    setting: &Setting,
    rng: &mut Rng,
    chunk: &mut Chunk<'_>,
    at: usize,
    len: usize,
    name: &'static str,
    call: impl FnOnce(&File, &mut [u8]) -> rustix::io::Result<usize>,
) {
    let all = pattern(rng, len);
    let file = file(&all);
    let count = moved(setting, name, call(&file, &mut chunk.bytes[at..at + len]).map_err(io::Error::from));
    assert!(count == len || setting.mode.may_efault(), "{name} moved {count} of {len} bytes");
    arrived(setting, chunk, at, &all, count, name);
}

fn sockets() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().expect("a pair of sockets");
    // A call that would block is a failure, not a hang.
    a.set_nonblocking(true).expect("a socket that does not block");
    b.set_nonblocking(true).expect("a socket that does not block");
    (a, b)
}

fn from_socket(setting: &Setting, rng: &mut Rng, chunk: &mut Chunk<'_>, at: usize, len: usize, by_file: bool) {
    let (mut to, mut from) = sockets();
    let all = pattern(rng, len.min(SOCKET));
    let sent = match by_file {
        true => sendfile(&to, file(&all), None, all.len()).expect("sendfile"),
        false => to.write(&all).expect("send"),
    };
    let name = if by_file { "sendfile and recv" } else { "recv" };
    let count = moved(setting, name, from.read(&mut chunk.bytes[at..at + sent]));
    arrived(setting, chunk, at, &all[..sent], count, name);
}

fn to_file(
    setting: &Setting,
    chunk: &mut Chunk<'_>,
    at: usize,
    len: usize,
    name: &'static str,
    call: impl FnOnce(&File, &[u8]) -> rustix::io::Result<usize>,
) {
    let mut file = file(&[]);
    let count = moved(setting, name, call(&file, &chunk.bytes[at..at + len]).map_err(io::Error::from));
    assert!(count == len || setting.mode.may_efault(), "{name} moved {count} of {len} bytes");
    let mut back = vec![];
    file.rewind().expect("a file can be rewound");
    file.read_to_end(&mut back).expect("memory for what is in the file");
    assert!(back.len() >= count, "{name} says {count} bytes, the file has {}", back.len());
    super::piece::compare(chunk.id, chunk.offset + at, &back[..count], &chunk.model[at..at + count], name);
}

fn to_socket(setting: &Setting, chunk: &Chunk<'_>, at: usize, len: usize) {
    let (mut to, mut from) = sockets();
    let count = moved(setting, "send", to.write(&chunk.bytes[at..at + len.min(SOCKET)]));
    let mut back = vec![0; count];
    from.read_exact(&mut back).expect("what was sent");
    super::piece::compare(chunk.id, chunk.offset + at, &back, &chunk.model[at..at + count], "send");
}
