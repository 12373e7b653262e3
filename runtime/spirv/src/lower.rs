//! The pass: function by function, dereference by dereference.

use crate::{
    access::{Memory, Rewrite},
    address::{Addresses, Site},
    broken::Broken,
    emit::Emitter,
    error::{Error, Result},
    facts::{Facts, Lowered},
    flow::Flow,
    mark,
    module::{Inst, Module, invalid},
    options::{Options, Translation},
    place::{Place, Places, is_chain},
    scope::Scope,
    survey::{self, Dereference, Kind, Told},
    types::Types,
};
use rspirv::spirv::{AddressingModel, Op};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::ops::Range;

/// Rewrites a module so that every access through a `PhysicalStorageBuffer` pointer translates its address.
///
/// `words` is a compute module in either byte order, as any compiler makes it: valid (spirv-val says so), for Vulkan.
/// The result is valid for the same environment, with a larger bound of ids, and means the same with the memory
/// elsewhere. Pointer values are never changed: what a shader computes, stores, loads, compares and passes on are
/// unified addresses. A module without such accesses comes back with its mark only. What the mark, an
/// `OpModuleProcessed`, says is not lost unless debug information is stripped: lower last. (Of SPIR-V 1.0, which has no
/// such instruction, the result is 1.1.)
///
/// The work is proportional to the module's length.
///
/// # Errors
/// - [`Error::Options`]: the translation's numbers do not fit together.
/// - [`Error::Invalid`]: not SPIR-V, or a rule is broken that lowering relies on. Most rules are not checked.
/// - [`Error::AlreadyLowered`]: it has a mark already.
/// - [`Error::Unsupported`]: it does something to a pointer that cannot be lowered.
pub fn lower(words: &[u32], options: &Options) -> Result<Lowered, Error> {
    options.check()?;
    let module = Module::parse(words)?;
    let types = Types::of(&module, *options)?;
    if options.translation == Translation::Identity {
        let facts = facts(&module, &types, *options)?;
        return Ok(Lowered { words: module.words().to_vec(), facts });
    }
    if let Some(how) = mark::find(&module) {
        return Err(Error::AlreadyLowered { how });
    }
    match addressing(&module) {
        Some(AddressingModel::Logical | AddressingModel::PhysicalStorageBuffer64) => {}
        Some(model) => {
            return invalid(format!("its addressing model is {model:?}: compile it for Vulkan, not for OpenCL"));
        }
        None => return invalid("it has no memory model"),
    }
    survey::refuse_untyped(&module)?;
    let mut out = Emitter::new(&module, &types);
    let mut facts = Facts::default();
    let mut told = Told::default();
    for function in &module.functions {
        lower_function(&module, &types, function.clone(), *options, &mut out, (&mut facts, &mut told))?;
    }
    facts.capabilities_added = out.capabilities_added().to_vec();
    let words = out.finish(&mark::of(options.translation))?;
    Ok(Lowered { words, facts })
}

/// The facts of a module that stays as it is.
fn facts(module: &Module<'_>, types: &Types, options: Options) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut told = Told::default();
    for function in &module.functions {
        let mut places = Places::new(options);
        for dereference in survey::dereferences(module, types, &mut places, function.clone())? {
            let place = places.of(types, module, dereference.pointer).ok();
            count(&mut facts, &mut told, module, &dereference, place.and_then(|place| place.block));
        }
    }
    Ok(facts)
}

fn count(
    facts: &mut Facts,
    told: &mut Told,
    module: &Module<'_>,
    dereference: &Dereference,
    block: Option<(u32, Option<u32>)>,
) {
    let counts = &mut facts.dereferences;
    let counter = match dereference.kind {
        Kind::Load => &mut counts.loads,
        Kind::Store { .. } => &mut counts.stores,
        Kind::Atomic { .. } => &mut counts.atomics,
        Kind::CopySource | Kind::CopyTarget => &mut counts.copies,
    };
    *counter += 1;
    if let Some(block) = block {
        survey::note(facts, told, module, block, dereference.kind);
    }
}

fn lower_function<'m>(
    module: &'m Module<'m>,
    types: &'m Types,
    function: Range<usize>,
    options: Options,
    out: &mut Emitter<'m>,
    (facts, told): (&mut Facts, &mut Told),
) -> Result<()> {
    survey::refuse_unknown(module, types, function.clone())?;
    let mut places = Places::new(options);
    let found = survey::dereferences(module, types, &mut places, function.clone())?;
    if found.is_empty() {
        return Ok(());
    }
    let flow = Flow::of(module, function.clone())?;
    let mut by_block: HashMap<usize, Vec<(Dereference, Memory)>> = HashMap::default();
    for dereference in found {
        let place = places.of(types, module, dereference.pointer)?;
        count(facts, told, module, &dereference, place.block);
        let site = Site { index: dereference.index, block: flow.block_of(dereference.index) };
        let align = alignment(module, types, &dereference, &place)?;
        let memory = Memory::new(site, &place, align, dereference.operands);
        by_block.entry(site.block).or_default().push((dereference, memory));
    }
    let addresses = Addresses {
        module,
        flow: &flow,
        places: &places,
        options,
        known: Scope::new(),
        aligned: Scope::new(),
        lookups: 0,
    };
    let mut rewrite = Rewrite { module, types, out, addresses };
    for &block in &flow.order {
        let forget = !options.breaks(Broken::ForgetNothing);
        let depth = if forget { flow.blocks[block].depth } else { flow.blocks.len() as u32 };
        rewrite.addresses.known.enter(depth);
        rewrite.addresses.aligned.enter(depth);
        let Some(found) = by_block.get(&block) else { continue };
        // All of a block is executed or nothing.
        for (_, memory) in found {
            rewrite.addresses.vouch(block, memory.piece());
        }
        let mut source = None;
        for (dereference, memory) in found {
            if is_skipped(&rewrite, dereference, dereference.index != found[0].0.index) {
                continue;
            }
            replace(&mut rewrite, dereference, *memory, &mut source)?;
            rewrite.out.check()?;
        }
    }
    facts.lookups += rewrite.addresses.lookups;
    // A copy that tests want to be forgotten still uses its pointers.
    if !options.breaks(Broken::SkipCopySources) && !options.breaks(Broken::SkipCopyTargets) {
        remove_unused_chains(module, types, &places, function, out);
    }
    Ok(())
}

/// Whether a test wants this dereference to be forgotten. Copies are forgotten as what they are only: half of one
/// would be no module.
fn is_skipped(rewrite: &Rewrite<'_, '_>, dereference: &Dereference, later: bool) -> bool {
    let options = rewrite.addresses.options;
    if options.is_sound() {
        return false;
    }
    let of_kind = match dereference.kind {
        Kind::Load => Broken::SkipLoads,
        Kind::Store { .. } => Broken::SkipStores,
        Kind::Atomic { .. } => Broken::SkipAtomics,
        Kind::CopySource => return options.breaks(Broken::SkipCopySources),
        Kind::CopyTarget => return options.breaks(Broken::SkipCopyTargets),
    };
    let mut root = rewrite.module.def(dereference.pointer);
    while let Some(chain) = root.filter(|inst| is_chain(inst.op)) {
        root = rewrite.module.uses(chain).first().and_then(|base| rewrite.module.def(*base));
    }
    let of_root = match root.map(|inst| inst.op) {
        Some(Op::FunctionParameter) => Broken::SkipParameters,
        Some(Op::Phi | Op::Select) => Broken::SkipPhis,
        Some(Op::ConvertUToPtr | Op::Bitcast) => Broken::SkipConverted,
        _ => Broken::SkipLoaded,
    };
    options.breaks(of_kind) || options.breaks(of_root) || later && options.breaks(Broken::SkipLaterInBlock)
}

/// Emits what replaces an instruction, or one side of a copy, whose value `source` then passes on to the other side.
fn replace(
    rewrite: &mut Rewrite<'_, '_>,
    dereference: &Dereference,
    memory: Memory,
    source: &mut Option<u32>,
) -> Result<()> {
    let module = rewrite.module;
    let index = dereference.index;
    let inst = &module.insts[index];
    rewrite.out.remove(index);
    let memory = match dereference.kind {
        Kind::Atomic { .. } => memory,
        _ => rewrite.spanned(memory),
    };
    match dereference.kind {
        Kind::Load => {
            rewrite.load(memory, Some(inst.id))?;
        }
        Kind::Store { value } => rewrite.store(memory, value)?,
        Kind::Atomic { .. } => {
            let pointer = rewrite.pointer(memory);
            let mut words = module.words_of(inst).to_vec();
            let at = words.len() - module.operands(inst).len();
            words[at] = pointer;
            rewrite.out.copy(&words);
        }
        Kind::CopySource => {
            let value = rewrite.load(memory, None)?;
            match other_side(rewrite, inst, 0) {
                None => *source = Some(value),
                Some(target) => {
                    let (to, _) = survey::copy_operands(module, index, &module.operands(inst)[2..])?;
                    rewrite.out.seek(index);
                    rewrite.out.effect(Op::Store, [target, value].into_iter().chain(to.words()));
                }
            }
        }
        Kind::CopyTarget => {
            let value = match (source.take(), other_side(rewrite, inst, 1)) {
                (Some(value), None) => value,
                (_, Some(from)) => {
                    let (_, operands) = survey::copy_operands(module, index, &module.operands(inst)[2..])?;
                    let ty = memory.ty();
                    rewrite.out.seek(index);
                    rewrite.out.value(Op::Load, ty, [from].into_iter().chain(operands.words()))
                }
                (None, None) => return invalid(format!("{} copies from nothing", inst.describe())),
            };
            rewrite.store(memory, value)?;
        }
    }
    Ok(())
}

/// The pointer at `operand` of a copy, if it is of the kind that stays as it is.
fn other_side(rewrite: &Rewrite<'_, '_>, copy: &Inst, operand: usize) -> Option<u32> {
    let pointer = rewrite.module.operands(copy)[operand];
    let skipped = [Broken::SkipCopyTargets, Broken::SkipCopySources][operand];
    let translated = rewrite.types.pointee(rewrite.module.type_of(pointer)).is_some();
    let translated = translated && !rewrite.addresses.options.breaks(skipped);
    (!translated).then_some(pointer)
}

/// What an access's address is known to be a multiple of, in bytes.
fn alignment(module: &Module<'_>, types: &Types, dereference: &Dereference, place: &Place) -> Result<u32> {
    let what = || module.insts[dereference.index].describe();
    match dereference.kind {
        // Atomics need natural alignment.
        Kind::Atomic { .. } => match types.bytes(place.ty) {
            Some(bytes) if bytes.is_power_of_two() => Ok(bytes),
            _ => invalid(format!("{} is on no number", what())),
        },
        _ => match dereference.operands.alignment {
            Some(alignment) => Ok(alignment),
            None => invalid(format!("{} through a physical address has no Aligned operand", what())),
        },
    }
}

/// Removes access chains that only led to dereferences.
fn remove_unused_chains(
    module: &Module<'_>,
    types: &Types,
    places: &Places,
    function: Range<usize>,
    out: &mut Emitter<'_>,
) {
    let chain = |index: usize| {
        let inst = &module.insts[index];
        is_chain(inst.op) && types.pointee(inst.ty).is_some() && !places.is_root(inst.id) && !types.is_in_group(inst.id)
    };
    let chains: Vec<usize> = function.clone().filter(|index| chain(*index)).collect();
    let mut uses: HashMap<u32, usize> = chains.iter().map(|index| (module.insts[*index].id, 0)).collect();
    for index in function {
        let inst = &module.insts[index];
        let used = module.uses(inst);
        // What was replaced no longer uses its pointers; a stored value may be a pointer, too, and stays.
        let used = match inst.op {
            _ if !out.is_removed(index) => used,
            Op::CopyMemory => &[],
            _ => used.get(1..).unwrap_or_default(),
        };
        for id in used {
            uses.entry(*id).and_modify(|uses| *uses += 1);
        }
    }
    let mut gone = HashSet::default();
    for index in chains.into_iter().rev() {
        let inst = &module.insts[index];
        if uses.get(&inst.id).is_some_and(|uses| *uses > 0) {
            continue;
        }
        for id in module.uses(inst) {
            uses.entry(*id).and_modify(|uses| *uses -= 1);
        }
        gone.insert(inst.id);
        out.remove(index);
    }
    out.forget(&gone);
}

/// How the module's pointers are made.
fn addressing(module: &Module<'_>) -> Option<AddressingModel> {
    let model = module.insts.iter().find(|inst| inst.op == Op::MemoryModel)?;
    AddressingModel::from_u32(*module.operands(model).first()?)
}
