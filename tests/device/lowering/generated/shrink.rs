//! Makes a recipe smaller that shows a failure.
//!
//! A smaller recipe is named by the seed and the *cuts* that lead there: each is the number of one of the [`cuts`] that the
//! recipe before it allows.

use super::invent::invent;
use super::recipe::{Entry, Recipe, Step, Vectors};
use super::types::{Promise, Scalar, Type};

/// One way to make a recipe smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Takes steps out of a list, which is numbered as in [`lists`].
    Steps {
        list: usize,
        from: usize,
        count: usize,
    },
    /// Takes a step away from around the steps inside it.
    Unwrap {
        list: usize,
        at: usize,
    },
    /// Has a step take the first choice everywhere.
    Plain {
        list: usize,
        at: usize,
    },
    /// The last function, and with it the calls of it.
    Function,
    OneInvocation,
    OneGroup,
    Region(usize),
    OneObject(usize),
    PlainEntry(usize),
    Member {
        of: usize,
        at: usize,
    },
    WordMember {
        of: usize,
        at: usize,
    },
    NoPromise {
        of: usize,
        at: usize,
    },
    NoDebug,
    Glsl450,
    Whole,
    NoFences,
    NoOutlive,
    Version,
}

/// The recipe of a seed after cuts.
pub fn recipe(seed: u64, path: &[u32]) -> Recipe {
    path.iter().fold(invent(seed), |recipe, number| {
        let cuts = cuts(&recipe);
        apply(&recipe, &cuts[*number as usize % cuts.len()])
    })
}

/// The cuts that lead from a seed to its recipe without certain things, as far as it has them.
pub fn without(seed: u64, unwanted: &[Cut]) -> Vec<u32> {
    let mut path = Vec::new();
    for cut in unwanted {
        let number = cuts(&recipe(seed, &path)).iter().position(|allowed| allowed == cut);
        path.extend(number.map(|number| number as u32));
    }
    path
}

/// Goes on making smaller what is `bad` after the cuts of `path`, until nothing smaller is or `tries` recipes have been
/// tried. Returns all the cuts.
pub fn shrink(seed: u64, mut path: Vec<u32>, tries: usize, mut bad: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut left = tries;
    // The first cut to try: those before it were tried, most of them on a recipe that hardly differs.
    let mut next = 0;
    let mut since = 0;
    loop {
        let count = cuts(&recipe(seed, &path)).len();
        if left == 0 || count == 0 || since >= count {
            return path;
        }
        left -= 1;
        next %= count;
        path.push(next as u32);
        if bad(&path) {
            since = 0;
        } else {
            path.pop();
            since += 1;
            next += 1;
        }
    }
}

/// Calls a function with each list of steps and its number: the program's, then the functions', each before those inside it.
fn lists(recipe: &mut Recipe, act: &mut dyn FnMut(usize, &mut Vec<Step>)) {
    fn visit(steps: &mut Vec<Step>, number: &mut usize, act: &mut dyn FnMut(usize, &mut Vec<Step>)) {
        let this = *number;
        *number += 1;
        for step in steps.iter_mut() {
            step.inner.iter_mut().for_each(|inner| visit(inner, number, act));
        }
        act(this, steps);
    }
    let mut number = 0;
    visit(&mut recipe.steps, &mut number, act);
    recipe.functions.iter_mut().for_each(|function| visit(&mut function.steps, &mut number, act));
}

/// All cuts that a recipe allows, those that take most away first.
pub fn cuts(recipe: &Recipe) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let (mut single, mut plain) = (Vec::new(), Vec::new());
    lists(&mut recipe.clone(), &mut |list, steps| {
        let mut count = steps.len();
        while count > 1 {
            for from in (0..steps.len()).step_by(count) {
                cuts.push((count, Cut::Steps { list, from, count: count.min(steps.len() - from) }));
            }
            count = count.div_ceil(2);
        }
        for (at, step) in steps.iter().enumerate().rev() {
            single.push(Cut::Steps { list, from: at, count: 1 });
            if !step.inner.is_empty() {
                single.push(Cut::Unwrap { list, at });
            }
            if step.seed != 0 {
                plain.push(Cut::Plain { list, at });
            }
        }
    });
    cuts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let mut cuts: Vec<Cut> = cuts.into_iter().map(|(_, cut)| cut).collect();
    if !recipe.functions.is_empty() {
        cuts.insert(0, Cut::Function);
    }
    cuts.extend(single);
    if recipe.groups > 1 {
        cuts.push(Cut::OneGroup);
    }
    if recipe.invocations > 1 {
        cuts.push(Cut::OneInvocation);
    }
    cuts.extend((2..recipe.regions.len()).filter(|region| spare(recipe, *region)).map(Cut::Region));
    cuts.extend(plain);
    for (number, region) in recipe.regions.iter().enumerate() {
        if region.count > 1 {
            cuts.push(Cut::OneObject(number));
        }
        if !matches!(region.entry, Entry::Address | Entry::Wrapped) {
            cuts.push(Cut::PlainEntry(number));
        }
    }
    for (of, object) in recipe.types.0.iter().enumerate().skip(2) {
        for (at, member) in object.members.iter().enumerate() {
            if object.members.len() > 1 {
                cuts.push(Cut::Member { of, at });
            }
            if member.promise != Promise::None {
                cuts.push(Cut::NoPromise { of, at });
            }
            let word = Type::Scalar(Scalar::U32);
            if recipe.types.size(&member.ty) >= 4 && recipe.types.align(&member.ty) >= 4 && member.ty != word {
                cuts.push(Cut::WordMember { of, at });
            }
        }
    }
    cuts.extend(recipe.debug.then_some(Cut::NoDebug));
    cuts.extend(recipe.vulkan_memory_model.then_some(Cut::Glsl450));
    cuts.extend((recipe.vectors != Vectors::Whole).then_some(Cut::Whole));
    cuts.extend(recipe.fences.then_some(Cut::NoFences));
    cuts.extend(recipe.outlive.then_some(Cut::NoOutlive));
    cuts.extend((recipe.minor != 5).then_some(Cut::Version));
    cuts
}

/// Whether the program has what it needs without the region: objects of every block, and a region besides the first two.
fn spare(recipe: &Recipe, number: usize) -> bool {
    let object = &recipe.regions[number].object;
    let block = matches!(object, Type::Struct(index) if recipe.types.0[*index].block);
    !block || recipe.regions.iter().filter(|region| region.object == *object).count() > 1
}

/// A recipe after a cut.
pub fn apply(recipe: &Recipe, cut: &Cut) -> Recipe {
    let mut recipe = recipe.clone();
    match *cut {
        Cut::Steps { list, from, count } => lists(&mut recipe, &mut |number, steps| {
            if number == list {
                steps.drain(from..from + count);
            }
        }),
        Cut::Unwrap { list, at } => lists(&mut recipe, &mut |number, steps| {
            if number == list {
                let inner: Vec<Step> = std::mem::take(&mut steps[at].inner).into_iter().flatten().collect();
                steps.splice(at..=at, inner);
            }
        }),
        Cut::Plain { list, at } => lists(&mut recipe, &mut |number, steps| {
            if number == list {
                steps[at].seed = 0;
            }
        }),
        Cut::Function => {
            recipe.functions.pop();
        }
        Cut::OneGroup => {
            recipe.groups = 1;
            recipe.invocations = recipe.invocations.min(recipe.local_size);
        }
        Cut::OneInvocation => recipe.invocations = 1,
        Cut::Region(number) => {
            recipe.regions.remove(number);
        }
        Cut::OneObject(number) => recipe.regions[number].count = 1,
        Cut::PlainEntry(number) => recipe.regions[number].entry = Entry::Address,
        Cut::Member { of, at } => {
            recipe.types.0[of].members.remove(at);
        }
        Cut::WordMember { of, at } => recipe.types.0[of].members[at].ty = Type::Scalar(Scalar::U32),
        Cut::NoPromise { of, at } => recipe.types.0[of].members[at].promise = Promise::None,
        Cut::NoDebug => recipe.debug = false,
        Cut::Glsl450 => recipe.vulkan_memory_model = false,
        Cut::Whole => recipe.vectors = Vectors::Whole,
        Cut::NoFences => recipe.fences = false,
        Cut::NoOutlive => recipe.outlive = false,
        Cut::Version => recipe.minor = 5,
    }
    recipe
}
