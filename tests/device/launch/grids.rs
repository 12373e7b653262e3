//! How many invocations run, and where.

use crate::{
    harness::{open, tests},
    kernels::{self, Cells},
    variants::refused_saying,
};
use vksvm::{Grid, Result, SvmVec};

tests![grids_cover_what_they_are_asked_to, grids_that_are_refused, the_largest_grid];

fn grids_cover_what_they_are_asked_to() {
    let svm = open();
    let cells = kernels::cells(&svm);
    assert_eq!(cells.local_size(), [4, 2, 2]);
    let run = |grid: Grid, [width, height, depth]: [u32; 3]| -> SvmVec<u32> {
        let mut v = svm.zeroed::<u32>((width * height * depth) as usize);
        svm.scope(|s| cells.launch(grid, Cells { to: s.update(&mut v), width, height, depth })).expect("scope");
        v
    };
    let expected = |v: SvmVec<u32>, [width, height, depth]: [u32; 3], covered: [u32; 3]| {
        for z in 0..depth {
            for y in 0..height {
                for x in 0..width {
                    let inside = x < covered[0] && y < covered[1] && z < covered[2];
                    // Each invocation adds once.
                    let cell = if inside { 1 + (x | y << 10 | z << 20) } else { 0 };
                    assert_eq!(v[((z * height + y) * width + x) as usize], cell, "{x} {y} {z} of {covered:?}");
                }
            }
        }
    };
    // Invocations: rounded up to whole workgroups of 4 × 2 × 2.
    let space = [13, 7, 5];
    expected(run(Grid::from([13u32, 7, 5]), space), space, space);
    expected(run(Grid::from([9u32, 3, 3]), space), space, [12, 4, 4]);
    expected(run(Grid::from([5u32, 3]), space), space, [8, 4, 2]);
    expected(run(Grid::from(6u32), space), space, [8, 2, 2]);
    expected(run(Grid::from(1usize), space), space, [4, 2, 2]);
    expected(run(Grid::from(4u64), space), space, [4, 2, 2]);
    // Workgroups as they are.
    expected(run(Grid::groups([2, 3, 1]), space), space, [8, 6, 2]);
    expected(run(Grid::groups([1, 1, 1]), space), space, [4, 2, 2]);
}

fn grids_that_are_refused() {
    let svm = open();
    let cells = kernels::cells(&svm);
    let mut v = svm.zeroed::<u32>(8);
    let limit = svm.capabilities().max_groups;
    let mut launch = |grid: Grid| -> Result<()> {
        svm.scope(|s| cells.launch(grid, Cells { to: s.update(&mut v), width: 2, height: 2, depth: 2 }).map(drop))
    };
    for grid in [Grid::from(0u32), Grid::from([4u32, 0]), Grid::from([4u32, 4, 0]), Grid::groups([1, 0, 1])] {
        refused_saying(launch(grid), "EmptyGrid", &["at least 1"]);
    }
    let beyond = [
        Grid::from(u64::from(limit[0]) * 4 + 1),
        Grid::from(u64::MAX),
        Grid::from([1u32, 1, u32::MAX]),
        Grid::groups([1, limit[1].saturating_add(1), 1]),
    ];
    for grid in beyond {
        // A device whose limit is the largest number takes every one of them.
        if grid != Grid::groups([1, u32::MAX, 1]) {
            refused_saying(launch(grid), "GridTooLarge", &["the device's limit is"]);
        }
    }
    assert_eq!(svm.stats().launches, 0, "nothing was started");
    assert_eq!(v[..], [0; 8]);
}

fn the_largest_grid() {
    let svm = open();
    let cells = kernels::cells(&svm);
    let mut v = svm.zeroed::<u32>(4);
    let groups = svm.capabilities().max_groups[0].min(65535);
    svm.scope(|s| {
        let to = s.update(&mut v);
        cells.launch(Grid::groups([groups, 1, 1]), Cells { to, width: 4, height: 1, depth: 1 })
    })
    .expect("scope");
    assert_eq!(v[..], [1, 2, 3, 4]);
}
