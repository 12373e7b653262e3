//! Invents a recipe from a seed.

use super::counters;
use super::picks::Picks;
use super::recipe::{COUNTER, Entry, Function, Kind, RESULT, Recipe, Region, Step, Vectors};
use super::types::{Class, Length, Member, Promise, Scalar, Struct, Type, Types, round_up};

/// Bytes of an object, about.
const ROOM: u32 = 420;

/// The recipe of a seed.
pub fn invent(seed: u64) -> Recipe {
    let mut picks = Picks::new(seed | 1 << 63);
    let picks = &mut picks;
    let local_size = picks.of(&[8, 32, 1, 16, 64, 5]);
    let groups = 1 + picks.below(if local_size < 10 { 5 } else { 2 }) as u32;
    let blocks = 2 + picks.below(4);
    let mut recipe = Recipe {
        seed,
        minor: picks.of(&[5, 3, 6]),
        vulkan_memory_model: picks.percent(40),
        fences: picks.percent(40),
        outlive: picks.percent(70),
        vectors: picks.of(&[Vectors::Whole, Vectors::Components, Vectors::Mixed]),
        debug: picks.percent(30),
        local_size,
        groups,
        invocations: (local_size * groups).saturating_sub(picks.below(3) as u32).max(1),
        types: invent_types(picks, blocks),
        regions: Vec::new(),
        root: 0,
        length: 0,
        functions: Vec::new(),
        steps: Vec::new(),
    };
    invent_regions(picks, &mut recipe, blocks);
    let functions = picks.below(4);
    for number in 0..functions {
        let parameters = (0..1 + picks.below(3)).map(|_| 2 + picks.below(blocks)).collect();
        let budget = 2 + picks.below(8);
        recipe.functions.push(Function {
            parameters,
            returns: picks.percent(50),
            seed: picks.seed(),
            steps: invent_steps(picks, budget, 1, false, number),
        });
    }
    let budget = 10 + picks.below(30);
    recipe.steps = invent_steps(picks, budget, 3, false, functions);
    recipe
}

/// Struct 0 and 1 are those of results and counters, then come the blocks, then structs that are parts of blocks: two a class.
fn invent_types(picks: &mut Picks, blocks: usize) -> Types {
    let classes: Vec<Class> =
        (0..blocks).map(|index| if index == 0 || picks.percent(65) { Class::Own } else { Class::Shared }).collect();
    let all: Vec<usize> = (2..2 + blocks).collect();
    let shared: Vec<usize> = all.iter().copied().filter(|index| classes[index - 2] == Class::Shared).collect();
    let empty = |class| Struct { block: true, class, members: Vec::new(), size: 0 };
    let result = Member { ty: Type::Scalar(Scalar::U32), offset: 0, promise: Promise::None };
    let mut types =
        Types(vec![Struct { block: true, class: Class::Own, members: vec![result], size: 4 }, counters::block()]);
    types.0.extend(classes.iter().map(|class| empty(*class)));
    let mut parts = [Vec::new(), Vec::new()];
    for class in [Class::Own, Class::Own, Class::Shared, Class::Shared] {
        let targets = if class == Class::Own { &all } else { &shared };
        let nested = parts[class as usize].clone();
        let part = invent_struct(picks, &types, class, targets, &nested, ROOM / 3, false);
        parts[class as usize].push(types.0.len());
        types.0.push(part);
    }
    for (index, class) in classes.iter().enumerate() {
        let targets = if *class == Class::Own { &all } else { &shared };
        types.0[2 + index] = invent_struct(picks, &types, *class, targets, &parts[*class as usize], ROOM, true);
    }
    types
}

fn invent_struct(
    picks: &mut Picks,
    types: &Types,
    class: Class,
    targets: &[usize],
    nested: &[usize],
    room: u32,
    block: bool,
) -> Struct {
    let mut members = Vec::new();
    let mut offset = 0;
    let padded = picks.percent(50);
    let count = 1 + picks.below(if block { 6 } else { 4 });
    for number in 0..count {
        let mut ty = match picks.below(10) {
            // A block without pointers would be the end of every walk.
            0 | 1 if !targets.is_empty() => Type::Pointer(picks.of(targets)),
            _ => types.invent(picks, 2, nested, targets, room / 2),
        };
        if block && number + 1 == count && picks.percent(35) {
            ty = types.array(picks, ty, Length::Runtime);
        }
        let mut align = types.align(&ty);
        if let (Type::Vector(scalar, components), true) = (&ty, picks.percent(40)) {
            align = scalar.bytes() * components.next_power_of_two();
        }
        offset = round_up(offset, align);
        if padded {
            offset += align * picks.below(4) as u32;
        }
        let size = types.size(&ty);
        if number > 0 && offset + size > room {
            break;
        }
        let promise = match (block, class) {
            (false, _) => Promise::None,
            (_, Class::Own) => invent_promise(picks, &[Promise::NonWritable, Promise::NonReadable]),
            (_, Class::Shared) => invent_promise(picks, &[Promise::NonWritable, Promise::Restrict]),
        };
        members.push(Member { ty, offset, promise });
        offset += size;
    }
    let align = members.iter().map(|member| types.align(&member.ty)).max().unwrap_or(1);
    Struct { block, class, members, size: round_up(offset, align) }
}

fn invent_promise(picks: &mut Picks, also: &[Promise]) -> Promise {
    match picks.below(12) {
        0 => Promise::Coherent,
        1 => Promise::Volatile,
        2 | 3 => picks.of(also),
        _ => Promise::None,
    }
}

fn invent_regions(picks: &mut Picks, recipe: &mut Recipe, blocks: usize) {
    let mut objects = vec![(Type::Struct(RESULT), false), (Type::Struct(COUNTER), true)];
    for block in 2..2 + blocks {
        for _ in 0..1 + picks.below(2) {
            objects.push((Type::Struct(block), recipe.types.0[block].class == Class::Shared));
        }
    }
    let nested: Vec<usize> = (2 + blocks..4 + blocks).collect();
    let targets: Vec<usize> = (2..2 + blocks).collect();
    for _ in 0..picks.below(3) {
        // A runtime array's elements cannot have lengths that are known only later, or the whole's layout would not be.
        let object = recipe.types.invent(picks, 1, &nested, &targets, ROOM);
        objects.push((object, false));
    }
    // Arguments are at most 128 bytes: a pointer a region, the root, and the few words at the end.
    objects.truncate(12);
    let mut end = 64 + picks.below(4000) as u32;
    recipe.root = round_up(end, 8);
    end = recipe.root + 8 * objects.len() as u32;
    for (number, (object, shared)) in objects.into_iter().enumerate() {
        let align = recipe.types.align(&object).max(picks.of(&[1, 1, 1, 1, 1, 4, 8, 16, 32, 64]));
        let size = round_up(recipe.types.size(&object), align);
        let single = number < 2 || (recipe.types.unsized_array(&object) && !matches!(object, Type::Struct(_)));
        let count = if single { 1 } else { 1 + picks.below(3) as u32 };
        let spacing = size + align * picks.below(3) as u32;
        let stride = count * spacing + align * picks.below(3) as u32;
        // With rows as far apart as borders are, what straddles one does so for every invocation.
        let rows = if recipe.invocations <= 32 { &[1, 1, 256, 4096][..] } else { &[1, 1, 256] };
        let stride = stride.next_multiple_of(picks.of(rows).max(align));
        // Across a border of pages, which is where things go wrong: if it can be, so that it goes through a vector.
        let page = picks.of(&[256, 4096, 65536, 65536]);
        let mut vectors = Vec::new();
        recipe.types.vectors(&object, 0, &mut vectors);
        vectors.retain(|(_, size)| *size > align);
        let extent = if shared { count * spacing } else { recipe.invocations * stride };
        let before = match vectors.len() {
            0 => picks.below(extent as usize + 1) as u32 / align * align,
            _ => {
                let (offset, size) = picks.of(&vectors);
                let row = if shared { 0 } else { stride * picks.below(recipe.invocations as usize) as u32 };
                let cut = align * (1 + picks.below(size.div_ceil(align) as usize - 1) as u32);
                // All offsets are multiples of the scalar's alignment; the object's may be more.
                round_up(row + spacing * picks.below(count as usize) as u32 + offset, align) + cut
            }
        };
        let base = (end + before).next_multiple_of(page) - before;
        let block = matches!(&object, Type::Struct(index) if recipe.types.0[*index].block);
        let entry = match block {
            true => picks.of(&[Entry::Pointer, Entry::Address, Entry::Halves, Entry::Root]),
            false => Entry::Wrapped,
        };
        recipe.regions.push(Region { object, base, stride, count, spacing, shared, entry });
        end = base + extent;
    }
    recipe.length = round_up(end, 1 << 16);
}

/// Steps, `budget` in all with those inside; `functions` says which can be called.
fn invent_steps(picks: &mut Picks, budget: usize, depth: usize, looped: bool, functions: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut left = budget;
    while left > 0 {
        left -= 1;
        let kind = match picks.below(100) {
            0..16 => Kind::Load,
            16..27 => Kind::Store,
            27..32 => Kind::Update,
            32..37 => Kind::Copy,
            37..41 => Kind::Atomic,
            41..44 => Kind::Counter,
            44..52 => Kind::Follow,
            52..56 => Kind::Link,
            56..63 => Kind::Keep,
            63..69 => Kind::Cast,
            69..72 => Kind::Select,
            72..75 => Kind::Variable,
            75..79 => Kind::Neighbour,
            79..83 if depth > 0 => Kind::If,
            83..86 if depth > 0 => Kind::Guard,
            86..88 if depth > 0 => Kind::Switch,
            88..94 if depth > 0 => Kind::Loop,
            94..97 if functions > 0 => Kind::Call(picks.below(functions)),
            97 => Kind::Leave,
            98..100 if looped => Kind::Leave,
            _ => Kind::Load,
        };
        let bodies = match kind {
            Kind::If | Kind::Guard => 2,
            Kind::Switch => 2 + picks.below(3),
            Kind::Loop => 1,
            _ => 0,
        };
        let inner = (0..bodies)
            .map(|_| {
                let part = picks.below(left.min(8) + 1);
                left -= part;
                invent_steps(picks, part, depth - 1, looped || kind == Kind::Loop, functions)
            })
            .collect();
        steps.push(Step { kind, seed: picks.seed(), inner });
    }
    steps
}
