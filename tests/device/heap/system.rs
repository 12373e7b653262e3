//! The heap and the operating system: files, fork, running out.
//!
//! # Safety
//! The forked child makes only calls that a child of a threaded process may make: it touches memory and ends.
#![allow(unsafe_code)]

use crate::{
    child::{play, said},
    harness::{open, tests},
    kernels::{self, Add},
};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    os::unix::process::ExitStatusExt,
};
use vksvm::{Svm, SvmVec};

tests![
    system_calls_read_and_write_heap_memory,
    pushing_into_an_exhausted_heap_aborts,
    a_forked_child_does_not_see_the_heap,
];

fn system_calls_read_and_write_heap_memory() {
    let svm = open();
    let add = kernels::add(&svm);
    let path = std::env::temp_dir().join(format!("vksvm-words-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).expect("a temporary file");
    std::fs::remove_file(&path).expect("removing it");
    const N: u32 = 100_000;
    let words: Vec<u8> = (0..N).flat_map(u32::to_ne_bytes).collect();
    file.write_all(&words).expect("written");
    file.seek(SeekFrom::Start(0)).expect("at its start");
    let mut bytes = svm.zeroed::<u8>(words.len() + 4);
    let start = bytes.as_ptr().align_offset(4);
    // read(2), straight into the heap.
    file.read_exact(&mut bytes[start..start + words.len()]).expect("read");
    let mut y = svm.vec(std::iter::repeat_n(1u32, N as usize));
    let (chunks, _) = bytes[start..start + words.len()].as_chunks::<4>();
    assert_eq!(chunks.len(), N as usize);
    let x: SvmVec<u32> = svm.vec(chunks.iter().map(|word| u32::from_ne_bytes(*word)));
    svm.scope(|s| add.launch(N, Add { x: s.read(&x), y: s.update(&mut y), n: N })).expect("scope");
    let sums: Vec<u8> = y.iter().flat_map(|word| word.to_ne_bytes()).collect();
    // write(2), straight from it.
    let from = svm.vec(sums);
    file.seek(SeekFrom::Start(0)).expect("at its start");
    file.write_all(&from).expect("written");
    file.seek(SeekFrom::Start(0)).expect("at its start");
    let mut back = vec![];
    file.read_to_end(&mut back).expect("read");
    assert!(back.chunks(4).zip(1..=N).all(|(bytes, i)| bytes == i.to_ne_bytes()));
}

/// A part for a process of its own.
pub fn push_until_exhausted() {
    let svm = Svm::builder().heap_size(4 << 20).open().expect("open");
    let mut v: SvmVec<u64> = SvmVec::new_in(svm.alloc());
    println!("pushing");
    for i in 0.. {
        v.push(i);
        assert!(i < 1 << 30, "a heap of 4 MiB");
    }
}

fn pushing_into_an_exhausted_heap_aborts() {
    let output = play("push_until_exhausted", &[]);
    let said = said(&output);
    // As std: an abort that says how much memory was wanted.
    assert_eq!(output.status.signal(), Some(6), "{said}");
    assert!(
        said.contains("pushing") && said.contains("memory allocation of") && !said.contains("a heap of 4 MiB"),
        "{said}"
    );
}

/// A part for a process of its own, whose child touches the heap that it does not have.
pub fn fork_and_touch() {
    let svm = open();
    let mut v = svm.vec([42u32; 1000]);
    // Not `volatile`, the read could be moved before the fork.
    let at = &raw mut v[500];
    // SAFETY: the child calls nothing but `_exit` and touches memory.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: in the child the page is not mapped: this is the SIGSEGV that the test is about.
        let stale = unsafe { at.read_volatile() };
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(if stale == 42 { 1 } else { 2 }) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` is this frame's.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    println!("signal {:?}", libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)));
    // The parent's heap is as it was, and works.
    assert!(v.iter().all(|x| *x == 42));
    let add = kernels::add(&svm);
    let x = svm.vec([1u32; 1000]);
    svm.scope(|s| add.launch(1000u32, Add { x: s.read(&x), y: s.update(&mut v), n: 1000 })).expect("scope");
    println!("parent {}", v[500]);
}

fn a_forked_child_does_not_see_the_heap() {
    let output = play("fork", &[]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("signal Some(11)") && said.contains("parent 43"), "{said}");
}
